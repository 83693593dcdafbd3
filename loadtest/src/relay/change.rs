//! A change is what becomes of a line later: `10:down:delay=300` after ten seconds.

use std::str::FromStr;
use std::time::Duration;

use super::impairment::Impairment;
use super::line::Line;

/// What a line is from some time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Since the relay began.
    pub after: Duration,
    /// Towards the server, if that changes.
    pub up: Option<Impairment>,
    /// Towards the client, if that changes.
    pub down: Option<Impairment>,
}

impl Change {
    /// The line after it.
    pub fn applied(&self, line: Line) -> Line {
        Line { up: self.up.clone().unwrap_or(line.up), down: self.down.clone().unwrap_or(line.down) }
    }
}

impl FromStr for Change {
    type Err = String;

    /// Reads `seconds:up:impairment`, `seconds:down:impairment` or `seconds:both:impairment`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ':');
        let (Some(after), Some(towards), Some(impairment)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("not seconds:up:impairment (or down, or both)".to_owned());
        };
        let after: u32 = after.parse().map_err(|_| format!("{after:?} is no number of seconds"))?;
        let impairment: Impairment = impairment.parse().map_err(|error| format!("{error}"))?;
        let (up, down) = match towards {
            "up" => (Some(impairment), None),
            "down" => (None, Some(impairment)),
            "both" => (Some(impairment.clone()), Some(impairment)),
            _ => return Err(format!("{towards:?} is neither up nor down nor both")),
        };
        Ok(Self { after: Duration::from_secs(after.into()), up, down })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_the_other_direction_as_it_is() {
        let before = Line::delay(Duration::from_millis(10));
        let late = Impairment::delay(Duration::from_millis(300));
        let change =
            |text: &str| text.parse::<Change>().map(|change| (change.after.as_secs(), change.applied(before.clone())));
        assert_eq!(change("10:down:delay=300"), Ok((10, Line { up: before.up.clone(), down: late.clone() })));
        assert_eq!(change("0:up:delay=300"), Ok((0, Line { up: late.clone(), down: before.down.clone() })));
        assert_eq!(change("7:both:burst=1:50"), Ok((7, Line::symmetric("burst=1:50".parse().expect("an impairment")))));
        for (text, said) in
            [("", "not seconds"), ("x:up:", "seconds"), ("1:left:", "neither"), ("1:up:dealy=3", "no such key")]
        {
            let error = text.parse::<Change>().expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}

//! A condition is what `If-Match` asks of a request (RFC 9110 section 13.1.1): to be carried out only if the resource is still as it was.
//!
//! Our entity tags are revisions, `"4"`. They are compared strongly, so a weak tag matches nothing.

use axum::http::{HeaderMap, header};

use super::problem::Problem;
use crate::room::Refusal;

/// When a request is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Whenever there is what it is about: without `If-Match`, or with `*`.
    Any,
    /// If it has one of these revisions. None of ours is among the tags if there is none.
    OneOf(Vec<u64>),
}

impl Condition {
    /// The condition of a request.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let lines: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
        if lines.is_empty() {
            return Ok(Self::Any);
        }
        let malformed = || {
            Problem::from(Refusal::PreconditionFailed).detail("`If-Match` must be `*` or entity tags such as `\"4\"`")
        };
        // Several lines are one list (RFC 9110 section 5.3).
        let lines: Option<Vec<_>> = lines.into_iter().map(|line| line.to_str().ok()).collect();
        let text = lines.ok_or_else(malformed)?.join(",");
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let tags = tags(&text).ok_or_else(malformed)?;
        if tags.len() > TAGS_MAX {
            return Err(
                Problem::from(Refusal::InvalidArgument).detail(format!("`If-Match` has more than {TAGS_MAX} tags"))
            );
        }
        Ok(Self::OneOf(tags.into_iter().filter_map(|tag| revision(&tag)).collect()))
    }

    /// The revisions to try, one after the other; at least one.
    pub(super) fn tries(&self) -> Vec<Option<u64>> {
        match self {
            Self::Any => vec![None],
            // Whatever else is wrong with the request is told before the tags that match nothing.
            Self::OneOf(revisions) if revisions.is_empty() => vec![Some(NEVER)],
            Self::OneOf(revisions) => revisions.iter().copied().map(Some).collect(),
        }
    }
}

/// An entity tag.
struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

/// The tags of a list (RFC 9110 section 8.8.3); none, if it is no such list.
fn tags(text: &str) -> Option<Vec<Tag<'_>>> {
    let mut tags = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |strong| (true, strong));
        let (opaque, behind) = quoted.strip_prefix('"')?.split_once('"')?;
        if !opaque.bytes().all(|byte| byte > b' ' && byte != 0x7f) {
            return None;
        }
        tags.push(Tag { is_weak, opaque });
        rest = behind.trim_start_matches([' ', '\t']);
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start_matches([' ', '\t', ',']);
        }
    }
    (!tags.is_empty()).then_some(tags)
}

/// The revision that a tag names, if it is one of ours.
fn revision(tag: &Tag<'_>) -> Option<u64> {
    let revision: u64 = tag.opaque.parse().ok().filter(|revision| *revision < NEVER)?;
    // `"04"` and `"+4"` are tags of their own.
    (!tag.is_weak && revision.to_string() == tag.opaque).then_some(revision)
}

/// The most tags of one request.
const TAGS_MAX: usize = 16;
/// No resource has this revision.
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    fn of(lines: &[&str]) -> Result<Condition, Problem> {
        let mut headers = HeaderMap::new();
        lines.iter().for_each(|line| {
            headers.append(header::IF_MATCH, line.parse().unwrap());
        });
        Condition::of(&headers)
    }

    #[test]
    fn a_star_or_nothing_is_any() {
        for any in [&[][..], &["*"], &[" * "]] {
            assert_eq!(of(any), Ok(Condition::Any), "{any:?}");
            assert_eq!(of(any).unwrap().tries(), [None]);
        }
    }

    #[test]
    fn a_list_is_one_of_its_strong_tags() {
        for (lines, revisions) in [
            (&["\"4\""][..], &[4][..]),
            (&["\"4\", \"5\""], &[4, 5]),
            (&["\"4\",,\t\"5\" ,"], &[4, 5]),
            (&["\"4\"", "\"5\""], &[4, 5]),
            (&["W/\"4\", \"5\""], &[5]),
            (&["\"a,b\", \"5\""], &[5]),
        ] {
            assert_eq!(of(lines), Ok(Condition::OneOf(revisions.to_vec())), "{lines:?}");
        }
        for none in ["W/\"4\"", "\"\"", "\"abc\"", "\"04\"", "\"+4\"", "\"*\"", "\"18446744073709551615\""] {
            assert_eq!(of(&[none]), Ok(Condition::OneOf(Vec::new())), "{none}");
            assert_eq!(of(&[none]).unwrap().tries(), [Some(NEVER)]);
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for bad in ["", "4", "\"4", "4\"", "\"4\" \"5\"", "*, \"4\"", "\"4\", *", "w/\"4\"", "W/4", "\"a b\"", ","] {
            assert!(of(&[bad]).is_err(), "{bad}");
        }
        let many = |count: usize| vec!["\"4\""; count].join(",");
        assert!(of(&[&many(TAGS_MAX)]).is_ok() && of(&[&many(TAGS_MAX + 1)]).is_err());
    }
}

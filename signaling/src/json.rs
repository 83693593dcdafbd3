//! JSON as others write it: some write whole numbers with a point or an exponent.
//!
//! RFC 8259 section 6 knows one kind of number, so `3`, `3.0` and `3e0` are the same. Serde tells them apart; here they are made alike before it reads. Pure.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Reads a value. A number that is whole is an integer, however it is written.
pub(crate) fn from_str<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(&with_integers(text))
}

/// The same for bytes, which must be UTF-8.
pub(crate) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(bytes) {
        Ok(text) => from_str(text),
        // Serde says it in its own words.
        Err(_) => serde_json::from_slice(bytes),
    }
}

/// The same text, in which whole numbers are written as integers. Whatever is no JSON stays as it is.
pub(crate) fn with_integers(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut written = String::new();
    let (mut copied, mut at) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|byte| is_of_number(**byte)).count();
                if let Some(integer) = integer(&text[at..end]) {
                    written.push_str(&text[copied..at]);
                    written.push_str(&integer.to_string());
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    written.push_str(&text[copied..]);
    Cow::Owned(written)
}

/// What lies behind the string that begins here.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// The integer that this number is, if it is written as something else.
#[expect(clippy::cast_possible_truncation, reason = "it is whole, and within the bound")]
fn integer(number: &str) -> Option<i64> {
    if !number.contains(['.', 'e', 'E']) {
        return None;
    }
    let number: f64 = serde_json::from_str(number).ok()?;
    (number.fract() == 0.0 && number.abs() <= WHOLE_MAX).then_some(number as i64)
}

/// Up to here every whole number is one of its own (2 to the power of 53).
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn whole_numbers_are_integers_however_they_are_written() {
        for (text, expected) in [
            ("3.0", "3"),
            ("-3.00", "-3"),
            ("1.7e9", "1700000000"),
            ("17E+8", "1700000000"),
            ("1700000000.0", "1700000000"),
            ("0.0", "0"),
            ("-0.0", "0"),
            ("120e-1", "12"),
            ("0e9", "0"),
            (r#"{"exp":1.7e9,"a":[1.0,2.5,-4.0e0]}"#, r#"{"exp":1700000000,"a":[1,2.5,-4]}"#),
            (r#"{"1.0":"2.0","\"3.0":4.0}"#, r#"{"1.0":"2.0","\"3.0":4}"#),
        ] {
            assert_eq!(with_integers(text), expected);
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in [
            "",
            "3",
            "2.5",
            "1e400",
            "1e17",
            "9007199254740994.0",
            "-",
            "3.",
            ".5",
            "1e",
            "01.0",
            "1.0.0",
            "1.0-2.0",
            "\"1.0",
            "\"1.0\\",
            "\"\\u0031.0\"",
            "[1.5,{}]",
            "nul",
            "\u{1f600}2.5",
        ] {
            assert!(matches!(with_integers(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        for (text, written) in [("tru3.0", "tru3"), ("+1.0", "+1")] {
            assert_eq!(with_integers(text), written, "it was no JSON before, and is none after");
        }
    }

    #[test]
    fn types_are_kept_otherwise() {
        assert_eq!(from_str::<u8>("3.0").ok(), Some(3));
        assert_eq!(from_slice::<f64>(b"3.0").ok(), Some(3.0));
        assert!(from_str::<u8>("3.5").is_err() && from_str::<u8>("-3.0").is_err() && from_str::<u8>("256.0").is_err());
        assert!(from_str::<u8>("\"3.0\"").is_err() && from_slice::<u8>(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn no_text_becomes_json_or_ceases_to_be(text in "[\"\\\\\\[\\]{}:,0-9.eE+ tru-]{0,20}") {
            let (before, after) = (from_value(&text), from_value(&with_integers(&text)));
            prop_assert_eq!(before.is_some(), after.is_some());
        }

        #[test]
        fn a_value_stays_the_value_that_it_is(number in any::<i32>(), other in any::<f64>()) {
            let text = format!(r#"{{"a":{number}.0,"b":{other:?}}}"#);
            let (before, after) = (from_value(&text), from_value(&with_integers(&text)));
            prop_assert_eq!(after.as_ref().and_then(|value| value["a"].as_i64()), after.is_some().then_some(number.into()));
            let b = |value: Option<Value>| value.and_then(|value| value["b"].as_f64());
            prop_assert_eq!(b(before), b(after));
        }
    }

    fn from_value(text: &str) -> Option<Value> {
        serde_json::from_str(text).ok()
    }
}

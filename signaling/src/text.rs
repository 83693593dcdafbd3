//! A shown text is one that a person writes and others see: a name, a message, a reaction, a reason, an identity.
//!
//! It is trimmed, it shows something, and it holds nothing that hides or that turns the direction of the text around it. Two ways lead there: a text is
//! [`checked`], and refused with the reason, or it is [`cleaned`], so that what remains can be shown. Pure.

use std::iter::Peekable;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier, ExtendedPictographic, GeneralCategory,
        JoiningType, VariationSelector,
    },
};
use unicode_segmentation::UnicodeSegmentation;

/// Why a text cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Nothing in it can be seen.
    #[error("must not be blank")]
    Blank,
    /// It has more characters than it may have.
    #[error("must have at most {chars_max} characters")]
    TooLong {
        /// The most characters.
        chars_max: usize,
    },
    /// It has a character that is invisible, controls the text around it, or has no meaning that all readers share.
    #[error("has the character U+{:04X}, which is not allowed here", u32::from(*.0))]
    Character(char),
}

/// Whether a text may have line feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// One line.
    One,
    /// Several lines, with a line feed between two.
    Many,
}

/// Returns the text without white space at its ends, or why it cannot be shown.
pub fn checked(text: &str, chars_max: usize, lines: Lines) -> Result<&str, TextFault> {
    let text = text.trim_matches(is_space);
    // A character has at most four bytes: the first test spares counting through a huge text.
    if text.len() > chars_max.saturating_mul(4) || text.chars().count() > chars_max {
        return Err(TextFault::TooLong { chars_max });
    }
    if let Some(barred) = sift(text, lines).1 {
        return Err(TextFault::Character(barred));
    }
    if text.chars().any(is_visible) { Ok(text) } else { Err(TextFault::Blank) }
}

/// Returns what of one line can be shown: without the characters that [`checked`] refuses, cut after a whole character as people see it. None if nothing
/// remains.
#[must_use]
pub fn cleaned(text: &str, chars_max: usize) -> Option<String> {
    // What lies so far behind the end cannot matter, and need not be looked at.
    let text: String = text.trim_matches(is_space).chars().take(chars_max.saturating_mul(CLEANED_OVER)).collect();
    let kept = sift(&text, Lines::One).0;
    // The cut may part a joiner from what it joins.
    let kept = sift(cut(kept.trim_matches(is_space), chars_max), Lines::One).0;
    let kept = kept.trim_matches(is_space);
    kept.chars().any(is_visible).then(|| kept.to_owned())
}

/// The longest start of a text that has so many characters and ends with a whole grapheme. Of one endless grapheme it is the first characters.
fn cut(text: &str, chars_max: usize) -> &str {
    let mut left = chars_max;
    let mut end = 0;
    for grapheme in text.graphemes(true) {
        let Some(rest) = left.checked_sub(grapheme.chars().count()) else { break };
        left = rest;
        end += grapheme.len();
    }
    if end == 0 {
        end = text.char_indices().nth(chars_max).map_or(text.len(), |(index, _)| index);
    }
    &text[..end]
}

/// What of a text may stand in it, and the first character that may not. Where one line is wanted, a space stands for each control that parts words.
fn sift(text: &str, lines: Lines) -> (String, Option<char>) {
    let mut kept = String::with_capacity(text.len());
    let mut barred = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_kept = match c {
            ' '..='~' => true,
            '\n' => lines == Lines::Many,
            ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => joins(c, &kept, rest.clone()),
            TAGS_START..=TAGS_END => {
                let length = tags(c, &kept, rest.clone());
                kept.extend((length > 0).then_some(c));
                (1..length).for_each(|_| kept.extend(rest.next()));
                barred = barred.or((length == 0).then_some(c));
                continue;
            }
            c if CodePointSetData::new::<VariationSelector>().contains(c) => varies(&kept),
            c => is_shown(c),
        };
        if is_kept {
            kept.push(c);
            continue;
        }
        barred = barred.or(Some(c));
        if c.is_whitespace() {
            kept.push(' ');
        }
    }
    (kept, barred)
}

/// Whether a character means the same to all readers and is not invisible. Emoji of a later Unicode than ours are.
fn is_shown(c: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    let is_known = if category == GeneralCategory::Unassigned {
        is_pictograph(c)
    } else {
        !matches!(
            category,
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::PrivateUse
                | GeneralCategory::Surrogate
        )
    };
    is_known && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character can be seen by itself.
fn is_visible(c: char) -> bool {
    let is_mark = matches!(
        CodePointMapData::<GeneralCategory>::new().get(c),
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
    );
    !is_mark && !is_space(c) && is_shown(c)
}

/// White space, and the Braille pattern without dots, which looks like it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c == BRAILLE_BLANK
}

/// Whether a joiner is needed where it stands: next to a virama, between letters that connect, or between the parts of an emoji (compare RFC 5892 appendix
/// A.1 and A.2, and UTS #51 section 2.3).
fn joins(joiner: char, before: &str, mut after: Peekable<std::str::Chars<'_>>) -> bool {
    let (last, next) = (before.chars().next_back(), after.peek().copied());
    if last.is_some_and(is_virama) || next.is_some_and(is_virama) {
        return true;
    }
    let passed = |c: &char| joining_type(*c) == JoiningType::Transparent && !is_joiner(*c);
    let from = before.chars().rev().find(|c| !passed(c)).map(joining_type);
    let to = after.find(|c| !passed(c)).map(joining_type);
    let connects_on = matches!(from, Some(JoiningType::DualJoining | JoiningType::LeftJoining));
    let connects_back = matches!(to, Some(JoiningType::DualJoining | JoiningType::RightJoining));
    if joiner == ZERO_WIDTH_NON_JOINER {
        // Keyboards write it behind letters that connect to one side only, too.
        return (connects_on || from == Some(JoiningType::RightJoining)) && connects_back;
    }
    let part = before.chars().rev().find(|c| *c != EMOJI_STYLE && !is_modifier(*c));
    let is_within_emoji = part.is_some_and(is_pictograph) && next.is_some_and(is_pictograph);
    // Letters on both sides connect without it.
    is_within_emoji || connects_on != connects_back
}

/// How many characters the tags are that begin here, if they are the end of a flag (UTS #51 section 2.5); 0 if not.
fn tags(first: char, before: &str, after: Peekable<std::str::Chars<'_>>) -> usize {
    if !before.ends_with(BLACK_FLAG) {
        return 0;
    }
    let is_named = |c: &char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let length = std::iter::once(first).chain(after.clone()).take_while(is_named).count();
    let ends = std::iter::once(first).chain(after).nth(length) == Some(TAGS_END);
    if ends && (1..=FLAG_TAGS_MAX).contains(&length) { length + 1 } else { 0 }
}

/// Whether a variation selector may follow: one, and only something that can be seen.
fn varies(before: &str) -> bool {
    before.chars().next_back().is_some_and(|last| !is_space(last) && is_shown(last))
}

fn is_virama(c: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama
}

fn joining_type(c: char) -> JoiningType {
    CodePointMapData::<JoiningType>::new().get(c)
}

fn is_joiner(c: char) -> bool {
    c == ZERO_WIDTH_JOINER || c == ZERO_WIDTH_NON_JOINER
}

fn is_pictograph(c: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(c)
}

fn is_modifier(c: char) -> bool {
    CodePointSetData::new::<EmojiModifier>().contains(c)
}

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const BRAILLE_BLANK: char = '\u{2800}';
const EMOJI_STYLE: char = '\u{fe0f}';
const BLACK_FLAG: char = '\u{1f3f4}';
const TAGS_START: char = '\u{e0020}';
const TAGS_END: char = '\u{e007f}';
/// A country and a part of it: `gbsct`.
const FLAG_TAGS_MAX: usize = 6;
/// How many times as long as it may be a text is looked at to be cleaned.
const CLEANED_OVER: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str) -> Result<&str, TextFault> {
        checked(text, 64, Lines::One)
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in [
            "Ada",
            "Ада Лавлейс",
            "アダ・ラブレス",
            "李 明",
            "O’Neil-Smith (2)",
            "می‌خواهم",
            "کار\u{200c}ها",
            "خانه‌ای",
            "ه\u{200d}",
            "क्‍ष",
            "র‍্যাম",
            "രാജന്\u{200d}",
            "👩‍🚀",
            "👨🏽‍❤️‍💋‍👨🏿",
            "🏳️‍🌈",
            "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
            "1️⃣",
            "葛\u{e0100}",
            "ᠠ\u{180b}",
            "ạ̈",
            "\u{1faff}",
            "שלום",
        ] {
            assert_eq!(check(text), Ok(text), "{text:?}");
            assert_eq!(cleaned(text, 64).as_deref(), Some(text), "{text:?}");
        }
    }

    #[test]
    fn what_hides_or_turns_text_is_refused_and_can_be_cleaned() {
        for (text, clean) in [
            ("\u{202e}ada", "ada"),
            ("a\u{200e}d\u{200f}a\u{61c}", "ada"),
            ("ada\u{2066}", "ada"),
            ("a\u{ad}da", "ada"),
            ("ada\u{200b}", "ada"),
            ("\u{feff}ada", "ada"),
            ("a\u{2060}da", "ada"),
            ("a\u{180e}da", "ada"),
            ("ada\u{200d}", "ada"),
            ("a\u{200c}da", "ada"),
            ("ب\u{200d}ب", "بب"),
            ("\u{200d}\u{200d}ada", "ada"),
            ("ada\u{3164}", "ada"),
            ("\u{115f}ada\u{1160}\u{ffa0}", "ada"),
            ("a\u{34f}da", "ada"),
            ("a\u{17b4}da", "ada"),
            ("a\u{fe0f}\u{fe0f}da", "a\u{fe0f}da"),
            ("\u{fe0f}ada", "ada"),
            ("ada\u{e0061}", "ada"),
            ("🏴\u{e0061}", "🏴"),
            ("a\u{e000}da", "ada"),
            ("a\u{10fffd}da", "ada"),
            ("a\u{378}da", "ada"),
            ("a\u{ffff}da", "ada"),
            ("a\u{fff9}da", "ada"),
            ("a\u{0}d\u{7f}a\u{85}b", "ada b"),
            ("ada\u{2028}bea", "ada bea"),
            ("ada\u{2029}bea", "ada bea"),
            ("ada\nbea", "ada bea"),
            ("ada\tbea", "ada bea"),
        ] {
            assert!(matches!(check(text), Err(TextFault::Character(_))), "{text:?}: {:?}", check(text));
            assert_eq!(cleaned(text, 64).as_deref(), Some(clean), "{text:?}");
        }
    }

    #[test]
    fn a_blank_text_is_none() {
        for text in ["", " ", "\u{a0}\u{3000}\u{2003}", "\t\n", "\u{2800}", " \u{2800} ", "\u{301}", "\u{20dd}"] {
            assert_eq!((check(text), cleaned(text, 64)), (Err(TextFault::Blank), None), "{text:?}");
        }
        for text in ["\u{3164}", "\u{200b}\u{200b}", "\u{202e}", "\u{fe0f}", "\u{ad}", "\u{115f} \u{1160}"] {
            assert!(check(text).is_err() && cleaned(text, 64).is_none(), "{text:?}");
        }
    }

    #[test]
    fn ends_are_trimmed_before_anything_is_counted() {
        let long = format!("{0}{1}{0}", " ".repeat(500), "x".repeat(64));
        assert_eq!(check(&long), Ok(&*"x".repeat(64)));
        assert_eq!(check("\u{2800}\n Ada \u{3000}\n"), Ok("Ada"));
        assert_eq!(check(&"x".repeat(65)), Err(TextFault::TooLong { chars_max: 64 }));
        assert_eq!(checked("a\nb\n", 3, Lines::Many), Ok("a\nb"));
        assert_eq!(checked("a\r\nb", 9, Lines::Many), Err(TextFault::Character('\r')));
    }

    #[test]
    fn a_long_text_is_cut_after_a_whole_character() {
        assert_eq!(cleaned(&"x".repeat(100), 64), Some("x".repeat(64)));
        assert_eq!(cleaned("ab👩‍🚀", 4).as_deref(), Some("ab"), "an astronaut is three characters");
        assert_eq!(cleaned("ab👩‍🚀", 5).as_deref(), Some("ab👩‍🚀"));
        assert_eq!(cleaned("ae\u{301}", 2).as_deref(), Some("a"));
        assert_eq!(cleaned("ab cd", 3).as_deref(), Some("ab"), "no space at the end");
        let endless = format!("a{}", "\u{301}".repeat(100));
        assert_eq!(cleaned(&endless, 3).as_deref(), Some("a\u{301}\u{301}"));
        assert_eq!(cleaned("👩‍🚀", 2).as_deref(), Some("👩"), "a joiner without a second part goes");
    }

    proptest! {
        #[test]
        fn what_was_cleaned_is_not_refused(text in any::<String>(), chars_max in 1_usize..40) {
            if let Some(clean) = cleaned(&text, chars_max) {
                prop_assert_eq!(checked(&clean, chars_max, Lines::One), Ok(&*clean));
                prop_assert_eq!(cleaned(&clean, chars_max), Some(clean.clone()));
            }
        }

        #[test]
        fn what_is_not_refused_is_not_changed_by_cleaning(text in "[a\\u{301}\\u{200d}\\u{200c}\\u{fe0f}क\\u{94d}بر❤👩\\u{1f3fd}\\u{1f3f4}\\u{e0061}\\u{e007f} ]{0,12}") {
            match checked(&text, 64, Lines::One) {
                Ok(fine) => prop_assert_eq!(cleaned(&text, 64), Some(fine.to_owned())),
                Err(_) => prop_assert!(cleaned(&text, 64).is_none_or(|clean| checked(&clean, 64, Lines::One) == Ok(&*clean))),
            }
        }
    }
}

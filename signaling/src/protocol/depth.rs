//! How deep a JSON text nests, told before it is parsed.

/// Whether brackets nest no deeper than `depth_max`. Says nothing of whether the text is JSON at all.
pub(super) fn is_shallow(text: &str, depth_max: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert!(is_shallow("[[[]]]", 3));
        assert!(!is_shallow("[[[[]]]]", 3));
        assert!(is_shallow(r#"["[[[[", {"a\"[[[[": "\\"}]"#, 2));
        assert!(!is_shallow(r#"["\\",[[]]]"#, 2));
        assert!(!is_shallow(&"{\"a\":".repeat(10_000), 16));
        assert!(is_shallow(&"[]".repeat(10_000), 1));
    }
}

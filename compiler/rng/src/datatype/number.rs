//! Numbers as texts of any length.

use std::cmp::Ordering;

/// Whether this is a whole number: digits with an optional sign.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Whether this is a decimal number: digits with an optional sign and point.
pub(super) fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    !(whole.is_empty() && fraction.is_empty()) && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
}

/// The sign, and the digits before and after the point without zeros that mean nothing.
pub(super) fn parts(text: &str) -> (bool, &str, &str) {
    let digits = text.trim_start_matches(['+', '-']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    (text.starts_with('-') && !(whole.is_empty() && fraction.is_empty()), whole, fraction)
}

/// Compares two decimal numbers.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((a_minus, a_whole, a_fraction), (b_minus, b_whole, b_fraction)) = (parts(a), parts(b));
    let size =
        a_whole.len().cmp(&b_whole.len()).then_with(|| a_whole.cmp(b_whole)).then_with(|| a_fraction.cmp(b_fraction));
    match (a_minus, b_minus) {
        (false, false) => size,
        (true, true) => size.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// The value of a `float` or `double`.
pub(super) fn float(text: &str) -> Option<f64> {
    match text {
        "INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => {
            let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
            if is_decimal(mantissa) && is_integer(exponent) { text.parse().ok() } else { None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_long_numbers() {
        for (a, b, expected) in [
            ("0010", "10.0", Ordering::Equal),
            ("-0", "0", Ordering::Equal),
            ("18446744073709551616", "18446744073709551615", Ordering::Greater),
            ("-2", "-10", Ordering::Greater),
            ("1.25", "1.3", Ordering::Less),
        ] {
            assert_eq!(compare(a, b), expected, "{a} {b}");
        }
    }
}

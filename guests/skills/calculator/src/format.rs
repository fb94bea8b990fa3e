//! Numbers as people write them.

/// Up to here every integer has an exact floating-point number.
const EXACT_INTEGERS_MAX: f64 = 9_007_199_254_740_992.0;

/// Below this, and beyond the exact integers, the zeros would have to be counted.
const PLAIN_MIN: f64 = 1e-6;

/// With 15 significant digits, without trailing zeros; exact integers in full.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && value.abs() <= EXACT_INTEGERS_MAX {
        return value.to_string();
    }
    // Every finite number survives the way through text.
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    if (PLAIN_MIN..=EXACT_INTEGERS_MAX).contains(&rounded.abs()) {
        return rounded.to_string();
    }
    format!("{rounded:e}")
}

//! What an operator sees of a running factory.

mod committed;
mod figures;
mod tracing;

/// The value of one line of a page.
pub(crate) fn value(page: &str, figure: &str) -> Option<f64> {
    page.lines()
        .find_map(|line| line.strip_prefix(figure)?.strip_prefix(' '))
        .map(|value| value.parse().expect("a number"))
}

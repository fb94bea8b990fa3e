//! Who may ask for what.

mod tokens;

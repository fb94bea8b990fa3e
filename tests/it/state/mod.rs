//! What turns leave behind, on either database.

mod key_value;
mod texts;

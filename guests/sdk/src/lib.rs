//! Write Agent Factory skills and engine adapters in Rust.

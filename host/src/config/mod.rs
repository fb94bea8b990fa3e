//! Configuration: typed policies, read in one place and validated at start.

mod limits;

pub use limits::Limits;

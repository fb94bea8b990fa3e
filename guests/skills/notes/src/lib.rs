//! Notes that an agent keeps.

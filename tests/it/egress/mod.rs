//! The rules of requests, against servers that read addresses in their own ways.

mod rules;

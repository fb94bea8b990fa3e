//! Turns driven by scripted models.

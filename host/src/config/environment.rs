//! The one place that reads the process's environment.

/// The process's variables, for [`super::Config::load`]. Names that are not Unicode are left out;
/// a value that is not Unicode keeps what can be read of it and is then refused by its key.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    })
}

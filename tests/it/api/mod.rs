mod description;
mod isolation;
mod limits;
mod messages;
mod secrets;
mod serving;
mod tokens;

//! What makes an agent: folders as they are read, documents and skills as they are stored.

mod archives;
mod documents;
mod engines;
mod fixture;
mod folders;
mod granting;
mod pausing;
mod profiles;
mod skills;

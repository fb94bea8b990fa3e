//! Names to addresses, checked in the same step.

use super::Refused;
use super::address::is_public;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Who knows the addresses of a name.
pub trait Lookup: Send + Sync + 'static {
    /// All addresses of `name`.
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Gives the HTTP client the addresses it connects to. What is checked here is what is connected to: nobody
/// resolves the name a second time, so an answer that changes in between changes nothing.
pub(super) struct Resolver {
    pub(super) lookup: Arc<dyn Lookup>,
    /// For addresses of the operator's list.
    pub(super) private_too: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let looking = self.lookup.lookup(name.as_str().to_owned());
        let private_too = self.private_too;
        Box::pin(async move {
            let found = looking.await?;
            // One private address among public ones is no accident either.
            if !private_too && let Some(private) = found.iter().find(|ip| !is_public(**ip)) {
                return Err(Refused::Private(*private).into());
            }
            let addresses = found.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

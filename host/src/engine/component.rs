//! Components that are loaded and linked, ready to be instantiated.

use super::artifact::CompiledComponent;
use super::bindings::v0_1::{EnginePre, SkillPre};
use super::compile::ComponentKind;
use super::description::Description;
use super::state::CallState;
use crate::domain::{Digest, Tool};
use std::fmt;
use std::sync::Arc;

/// An engine adapter, linked. Cheap to clone.
#[derive(Clone)]
pub struct EngineComponent(Arc<Linked<EnginePre<CallState>>>);

/// A skill, linked. Cheap to clone.
#[derive(Clone)]
pub struct SkillComponent(Arc<Linked<SkillPre<CallState>>>);

struct Linked<P> {
    digest: Digest,
    description: Description,
    code_bytes: u64,
    pre: P,
}

macro_rules! component {
    ($name:ident, $pre:ident) => {
        impl $name {
            pub(super) fn new(artifact: &CompiledComponent, pre: $pre<CallState>) -> Self {
                Self(Arc::new(Linked {
                    digest: artifact.component,
                    description: artifact.description,
                    code_bytes: u64::try_from(artifact.bytes.len()).unwrap_or(u64::MAX),
                    pre,
                }))
            }

            /// Bytes of its compiled code.
            pub(super) fn code_bytes(&self) -> u64 {
                self.0.code_bytes
            }

            /// The digest of the component's bytes, as they were uploaded.
            #[must_use]
            pub fn digest(&self) -> Digest {
                self.0.digest
            }

            pub(super) fn pre(&self) -> &$pre<CallState> {
                &self.0.pre
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.debug_tuple(stringify!($name))
                    .field(&self.digest())
                    .finish()
            }
        }
    };
}

component!(EngineComponent, EnginePre);
component!(SkillComponent, SkillPre);

impl SkillComponent {
    /// Whether these are the tools that it was admitted with, as its signature says.
    #[must_use]
    pub fn offers(&self, tools: &[Tool]) -> bool {
        self.0.description == Description::of(ComponentKind::Skill, tools)
    }
}

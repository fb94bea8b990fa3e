use crate::{config::Limits, domain::Tool};
#[derive(Clone, Copy, Debug, clap::ValueEnum)] pub enum ComponentKind { Skill, Engine }
impl ComponentKind { pub fn as_str(self) -> &'static str { match self { Self::Skill => "skill", Self::Engine => "engine" } } }
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct CompileError;
pub struct Described { pub tools: Vec<Tool>, pub code: super::CompiledCode }
#[derive(Debug)] pub struct Compiler;
impl Compiler { pub fn new(_: std::path::PathBuf, _: Limits) -> Self { Self } pub async fn compile(&self, _: ComponentKind, _: Vec<u8>) -> Result<Described, CompileError> { Err(CompileError) } }
#[derive(Debug, clap::Args)] pub struct CompileArguments { #[arg(long)] pub kind: ComponentKind }
impl CompileArguments { pub fn limits(&self) -> Limits { Limits::default() } }
pub fn compile_child_main(_: ComponentKind, _: &Limits) -> std::process::ExitCode { std::process::ExitCode::FAILURE }

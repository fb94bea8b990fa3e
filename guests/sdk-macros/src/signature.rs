//! What a function looks like, checked before anything is made of it.

use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Ident, ItemFn, Lit, Meta, Result, ReturnType,
    Signature, Type,
};

const TAKES: &str =
    "a tool takes its arguments as one struct, and beside it a `&Context` if it wants one";

/// The parameters of a tool, in the order they were written.
pub(crate) struct Parameters {
    /// The type of the arguments.
    pub(crate) arguments: Option<Type>,
    /// Where the context is passed.
    pub(crate) context: Option<ContextPlace>,
}

/// Where the context is passed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContextPlace {
    BeforeArguments,
    AfterArguments,
}

/// The item under an attribute, which has to be a function.
pub(crate) fn function(attribute: &str, item: proc_macro2::TokenStream) -> Result<ItemFn> {
    syn::parse2(item).map_err(|error| {
        Error::new(
            error.span(),
            format!("`#[{attribute}]` goes on a function ({error})"),
        )
    })
}

/// Refuses what no exported function can be.
pub(crate) fn check_plain(what: &str, signature: &Signature) -> Result<()> {
    if let Some(token) = &signature.asyncness {
        let message = format!(
            "{what} is a plain function: everything the host offers answers at once, so leave `async` out"
        );
        return Err(Error::new(token.span(), message));
    }
    if let Some(token) = &signature.unsafety {
        return Err(Error::new(
            token.span(),
            format!("{what} cannot be `unsafe`: nobody could promise what it asks for"),
        ));
    }
    if !signature.generics.params.is_empty() {
        let message = format!("{what} cannot be generic: the host calls it with one type");
        return Err(Error::new(signature.generics.span(), message));
    }
    Ok(())
}

/// The parameters of a tool.
pub(crate) fn parameters(signature: &Signature) -> Result<Parameters> {
    let mut parameters = Parameters {
        arguments: None,
        context: None,
    };
    for input in &signature.inputs {
        let parameter = match input {
            FnArg::Typed(parameter) => parameter,
            FnArg::Receiver(receiver) => {
                let message = format!(
                    "a tool is a free function, without `self`: every call gets a fresh instance; {TAKES}"
                );
                return Err(Error::new(receiver.span(), message));
            }
        };
        match parameter.ty.as_ref() {
            Type::Reference(reference)
                if reference.mutability.is_none() && is_context(&reference.elem) =>
            {
                if parameters.context.is_some() {
                    return Err(Error::new(
                        parameter.span(),
                        "the `&Context` is there twice",
                    ));
                }
                parameters.context = Some(match parameters.arguments {
                    None => ContextPlace::BeforeArguments,
                    Some(_) => ContextPlace::AfterArguments,
                });
            }
            Type::Reference(reference) => {
                let message = format!("a tool owns its arguments, so leave the `&` out; {TAKES}");
                return Err(Error::new(reference.span(), message));
            }
            arguments if is_context(arguments) => {
                return Err(Error::new(
                    arguments.span(),
                    "a tool borrows its context: `&Context`",
                ));
            }
            arguments => {
                if parameters.arguments.is_some() {
                    let message = format!("too many parameters: {TAKES}");
                    return Err(Error::new(parameter.span(), message));
                }
                parameters.arguments = Some(arguments.clone());
            }
        }
    }
    Ok(parameters)
}

/// What a tool returns.
pub(crate) fn answer(signature: &Signature) -> Result<&Type> {
    match &signature.output {
        ReturnType::Type(_, answer) => Ok(answer),
        ReturnType::Default => Err(Error::new(
            signature.ident.span(),
            "a tool has to answer: return `String`, `Output`, `Json<T>`, or a `Result` of one of these with `ToolError`",
        )),
    }
}

/// The doc comment, without the space that follows `///`.
pub(crate) fn description(what: &Ident, attributes: &[Attribute]) -> Result<String> {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    let text = lines.join("\n").trim().to_owned();
    if text.is_empty() {
        return Err(Error::new(
            what.span(),
            "a tool needs a doc comment (`/// ...`): it is the description the model reads to decide when to call it",
        ));
    }
    Ok(text)
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    if !pair.path.is_ident("doc") {
        return None;
    }
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = &pair.value
    else {
        return None;
    };
    let text = text.value();
    Some(
        text.strip_prefix(' ')
            .unwrap_or(&text)
            .trim_end()
            .to_owned(),
    )
}

fn is_context(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Context"))
}

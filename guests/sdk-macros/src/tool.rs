//! `#[tool]`: beside the function, an empty type of the same name that describes and calls it.
//!
//! A function lives among the values and a type among the types, so both can have one name, and
//! `skill!(notes::add)` finds the type wherever it finds the function.

use crate::hints::Words;
use crate::signature::{self, ContextPlace, Parameters};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Error, Ident, ItemFn, LitStr, Result};

/// The longest name of a tool, in characters.
const NAME_MAX: usize = 32;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let words: Words = syn::parse2(attribute)?;
    let function = signature::function("tool", item)?;
    let signature = &function.sig;
    signature::check_plain("a tool", signature)?;
    let parameters = signature::parameters(signature)?;
    let answer = signature::answer(signature)?;
    let text = signature::description(&signature.ident, &function.attrs)?;
    let name = name(&words, &signature.ident)?;

    let description = description(&name, &text, &words);
    let describe = match &parameters.arguments {
        Some(arguments) => quote_spanned! {arguments.span()=>
            ::agent_factory_sdk::expansion::describe::<#arguments, #answer>(&#description)
        },
        None => quote! {
            ::agent_factory_sdk::expansion::describe_without_arguments::<#answer>(&#description)
        },
    };
    let call = call(&function, &parameters);
    let convert = quote_spanned! {answer.span()=>
        <#answer as ::agent_factory_sdk::IntoOutput>::into_output
    };
    let (visibility, ident) = (&function.vis, &signature.ident);
    Ok(quote! {
        #[allow(
            clippy::needless_pass_by_value,
            reason = "a tool owns its arguments, whether it needs to or not"
        )]
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types, reason = "it stands for the function of this name")]
        #visibility enum #ident {}

        impl ::agent_factory_sdk::ToolFunction for #ident {
            const NAME: &'static str = #name;

            fn describe() -> ::agent_factory_sdk::types::Tool {
                #describe
            }

            fn call(
                __context: &::agent_factory_sdk::Context,
                __arguments: &str,
            ) -> ::core::result::Result<
                ::agent_factory_sdk::types::Output,
                ::agent_factory_sdk::types::ToolError,
            > {
                #convert(#call)
            }
        }
    })
}

fn description(name: &str, text: &str, words: &Words) -> TokenStream {
    let title = match &words.title {
        Some(title) => quote!(::core::option::Option::Some(#title)),
        None => quote!(::core::option::Option::None),
    };
    let Words {
        read_only,
        destructive,
        idempotent,
        open_world,
        ..
    } = words;
    quote! {
        ::agent_factory_sdk::expansion::Description {
            name: #name,
            title: #title,
            text: #text,
            hints: ::agent_factory_sdk::types::Hints {
                read_only: #read_only,
                destructive: #destructive,
                idempotent: #idempotent,
                open_world: #open_world,
            },
        }
    }
}

/// The call of the author's function, arguments read first. The parameters around it have names
/// that the function itself will not have.
fn call(function: &ItemFn, parameters: &Parameters) -> TokenStream {
    let ident = &function.sig.ident;
    let Some(arguments) = &parameters.arguments else {
        let context = parameters.context.map(|_| quote!(__context));
        return quote! {{
            ::agent_factory_sdk::expansion::check_no_arguments(__arguments)?;
            #ident(#context)
        }};
    };
    let parsed = quote_spanned! {arguments.span()=>
        ::agent_factory_sdk::expansion::parse_arguments::<#arguments>(__arguments)?
    };
    match parameters.context {
        None => quote!(#ident(#parsed)),
        Some(ContextPlace::BeforeArguments) => quote!(#ident(__context, #parsed)),
        Some(ContextPlace::AfterArguments) => quote!(#ident(#parsed, __context)),
    }
}

/// The name in the brackets, or the function's, if it is one that every model vendor accepts.
fn name(words: &Words, ident: &Ident) -> Result<String> {
    let (name, span) = match &words.name {
        Some(name) => (name.value(), LitStr::span(name)),
        None => (ident.unraw().to_string(), ident.span()),
    };
    check_name(&name, span)?;
    Ok(name)
}

fn check_name(name: &str, span: Span) -> Result<()> {
    let accepts = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let problem = if let Some(wrong) = name.chars().find(|c| !accepts(*c)) {
        format!("has a `{wrong}`")
    } else if name.len() > NAME_MAX {
        format!("is {} characters long", name.len())
    } else {
        return Ok(());
    };
    let message = format!(
        "`{name}` cannot be the name of a tool, it {problem}: 1 to {NAME_MAX} characters of a-z, 0-9 and _ \
         can; rename the function or say `#[tool(name = \"...\")]`"
    );
    Err(Error::new(span, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(attribute: TokenStream, item: TokenStream) -> String {
        expand(attribute, item).unwrap_err().to_string()
    }

    fn accepted(attribute: TokenStream, item: TokenStream) -> String {
        expand(attribute, item).unwrap().to_string()
    }

    #[test]
    fn a_function_with_a_doc_comment_is_a_tool() {
        let tokens = accepted(
            quote!(),
            quote! { /** Adds. */ pub fn add(args: Add) -> String { todo() } },
        );
        assert!(tokens.contains("pub enum add { }"), "{tokens}");
        assert!(
            tokens.contains("const NAME : & 'static str = \"add\""),
            "{tokens}"
        );
    }

    #[test]
    fn a_raw_identifier_is_named_without_its_prefix() {
        let tokens = accepted(
            quote!(),
            quote! { /** Tries. */ fn r#try() -> String { todo() } },
        );
        assert!(tokens.contains("= \"try\""), "{tokens}");
    }

    #[test]
    fn a_missing_description_is_explained() {
        let error = error(quote!(), quote! { fn add() -> String { todo() } });
        assert!(error.contains("needs a doc comment"), "{error}");
    }

    #[test]
    fn an_unknown_hint_lists_the_known_ones() {
        let error = error(
            quote!(readonly),
            quote! { /** Adds. */ fn add() -> String { todo() } },
        );
        assert!(
            error.starts_with("unknown hint `readonly`: a tool takes read_only, destructive"),
            "{error}"
        );
    }

    #[test]
    fn hints_that_contradict_each_other_are_refused() {
        let function = quote! { /** Adds. */ fn add() -> String { todo() } };
        let both = error(quote!(read_only, destructive), function.clone());
        assert!(both.contains("cannot be `destructive`"), "{both}");
        let twice = error(quote!(idempotent, idempotent), function.clone());
        assert_eq!(twice, "`idempotent` is there twice");
        let valued = error(quote!(idempotent = "yes"), function);
        assert!(valued.contains("leave the value out"), "{valued}");
    }

    #[test]
    fn a_name_of_32_characters_is_accepted_and_one_of_33_is_not() {
        let function = quote! { /** Adds. */ fn add() -> String { todo() } };
        let longest = "a".repeat(32);
        assert!(accepted(quote!(name = #longest), function.clone()).contains(&longest));
        let too_long = "a".repeat(33);
        let error = error(quote!(name = #too_long), function);
        assert!(
            error.contains("it is 33 characters long: 1 to 32 characters"),
            "{error}"
        );
    }

    #[test]
    fn a_name_with_a_capital_or_a_hyphen_is_refused() {
        let function = quote! { /** Adds. */ fn add() -> String { todo() } };
        assert!(error(quote!(name = "Add"), function.clone()).contains("it has a `A`"));
        assert!(error(quote!(name = "add-up"), function).contains("it has a `-`"));
        let item = quote! { /** Adds. */ fn addierenÜ() -> String { todo() } };
        assert!(error(quote!(), item).contains("it has a `Ü`"));
    }

    #[test]
    fn a_signature_no_tool_can_have_is_explained() {
        let cases = [
            (
                quote! { /** A. */ async fn a() -> String { todo() } },
                "leave `async` out",
            ),
            (
                quote! { /** A. */ unsafe fn a() -> String { todo() } },
                "cannot be `unsafe`",
            ),
            (
                quote! { /** A. */ fn a<T>(args: T) -> String { todo() } },
                "cannot be generic",
            ),
            (
                quote! { /** A. */ fn a(&self) -> String { todo() } },
                "without `self`",
            ),
            (
                quote! { /** A. */ fn a(args: &A) -> String { todo() } },
                "leave the `&` out",
            ),
            (
                quote! { /** A. */ fn a(x: u8, y: u8) -> String { todo() } },
                "too many parameters",
            ),
            (
                quote! { /** A. */ fn a(c: Context) -> String { todo() } },
                "`&Context`",
            ),
            (
                quote! { /** A. */ fn a(args: A) { todo() } },
                "has to answer",
            ),
            (quote! { /** A. */ struct A; }, "goes on a function"),
        ];
        for (item, expected) in cases {
            let error = error(quote!(), item.clone());
            assert!(error.contains(expected), "{item}: {error}");
        }
    }
}

//! `#[engine]`: the function as it is, and on WebAssembly the exports that call it.

use crate::signature;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, FnArg, Result, ReturnType};

const IS: &str = "an engine is `fn run(turn: &Turn) -> Result<(), TurnError>`";

pub(crate) fn expand(attribute: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !attribute.is_empty() {
        return Err(Error::new(
            attribute.span(),
            "`#[engine]` takes nothing in brackets",
        ));
    }
    let function = signature::function("engine", item)?;
    let signature = &function.sig;
    signature::check_plain("an engine", signature)?;
    let parameter = match (signature.inputs.first(), signature.inputs.len()) {
        (Some(FnArg::Typed(parameter)), 1) => parameter,
        (_, count) => {
            let message = format!("{IS}, with one parameter, not {count}");
            return Err(Error::new(signature.ident.span(), message));
        }
    };
    if matches!(signature.output, ReturnType::Default) {
        return Err(Error::new(
            signature.ident.span(),
            format!("{IS}, and this one returns nothing"),
        ));
    }
    let ident = &signature.ident;
    let check = quote_spanned! {parameter.ty.span()=>
        const _: fn(
            &::agent_factory_sdk::turn::Turn,
        ) -> ::core::result::Result<(), ::agent_factory_sdk::turn::TurnError> = #ident;
    };
    Ok(quote! {
        #function

        #check

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exports of a component are raw functions")]
        mod component_exports {
            struct Component;

            impl ::agent_factory_sdk::export::ExportEngine for Component {
                fn run(
                    turn: &::agent_factory_sdk::turn::Turn,
                ) -> ::core::result::Result<(), ::agent_factory_sdk::turn::TurnError> {
                    super::#ident(turn)
                }
            }

            ::agent_factory_sdk::bindings::engine::export!(
                Component with_types_in ::agent_factory_sdk::bindings::engine
            );
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(item: TokenStream) -> String {
        expand(&quote!(), item).unwrap_err().to_string()
    }

    #[test]
    fn a_function_over_a_turn_is_an_engine() {
        let item = quote! { fn run(turn: &Turn) -> Result<(), TurnError> { Ok(()) } };
        let tokens = expand(&quote!(), item).unwrap().to_string();
        assert!(tokens.contains("super :: run (turn)"), "{tokens}");
    }

    #[test]
    fn another_shape_is_explained() {
        let none = error(quote! { fn run() -> Result<(), TurnError> { Ok(()) } });
        assert!(none.contains("with one parameter, not 0"), "{none}");
        let silent = error(quote! { fn run(turn: &Turn) {} });
        assert!(silent.contains("returns nothing"), "{silent}");
        let late = error(quote! { async fn run(turn: &Turn) -> Result<(), TurnError> { Ok(()) } });
        assert!(late.contains("leave `async` out"), "{late}");
    }

    #[test]
    fn words_in_brackets_are_refused() {
        let item = quote! { fn run(turn: &Turn) -> Result<(), TurnError> { Ok(()) } };
        let error = expand(&quote!(fast), item).unwrap_err().to_string();
        assert_eq!(error, "`#[engine]` takes nothing in brackets");
    }
}

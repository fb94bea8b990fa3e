//! The words in the brackets of `#[tool(...)]`.

use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitStr, Result, Token};

const KNOWN: &str =
    "read_only, destructive, idempotent, open_world, title = \"...\", name = \"...\"";

/// What the brackets say.
#[derive(Default)]
pub(crate) struct Words {
    pub(crate) read_only: bool,
    pub(crate) destructive: bool,
    pub(crate) idempotent: bool,
    pub(crate) open_world: bool,
    pub(crate) title: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
}

/// One of them.
struct Word {
    ident: Ident,
    value: Option<LitStr>,
}

impl Parse for Word {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let ident = input.call(Ident::parse_any)?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Self { ident, value })
    }
}

impl Parse for Words {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut words = Self::default();
        for word in Punctuated::<Word, Token![,]>::parse_terminated(input)? {
            words.set(word)?;
        }
        Ok(words)
    }
}

impl Words {
    fn set(&mut self, Word { ident, value }: Word) -> Result<()> {
        let hint = match ident.to_string().as_str() {
            "read_only" => &mut self.read_only,
            "destructive" => &mut self.destructive,
            "idempotent" => &mut self.idempotent,
            "open_world" => &mut self.open_world,
            "title" => return set_text(&mut self.title, &ident, value),
            "name" => return set_text(&mut self.name, &ident, value),
            unknown => {
                let message = format!("unknown hint `{unknown}`: a tool takes {KNOWN}");
                return Err(Error::new(ident.span(), message));
            }
        };
        if let Some(value) = value {
            let message =
                format!("`{ident}` is a word of its own: leave the value out, or the whole hint");
            return Err(Error::new(value.span(), message));
        }
        if *hint {
            return Err(Error::new(
                ident.span(),
                format!("`{ident}` is there twice"),
            ));
        }
        *hint = true;
        if self.read_only && self.destructive {
            let message =
                "a tool that is `read_only` changes nothing, so it cannot be `destructive`";
            return Err(Error::new(ident.span(), message));
        }
        Ok(())
    }
}

fn set_text(slot: &mut Option<LitStr>, ident: &Ident, value: Option<LitStr>) -> Result<()> {
    let Some(value) = value else {
        return Err(Error::new(
            ident.span(),
            format!("`{ident}` needs a text: `{ident} = \"...\"`"),
        ));
    };
    if value.value().trim().is_empty() {
        return Err(Error::new(value.span(), format!("`{ident}` is empty")));
    }
    if slot.replace(value).is_some() {
        return Err(Error::new(
            ident.span(),
            format!("`{ident}` is there twice"),
        ));
    }
    Ok(())
}

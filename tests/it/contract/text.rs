//! WIT as a tree of items: as much of it as it takes to compare two versions of one package.

/// A statement, or a block with its members. Documentation and layout are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The words before `{`, `;` or `,`, single spaces between them.
    pub(super) header: String,
    /// The version in `@since`.
    pub(super) since: Option<String>,
    /// Of a block.
    pub(super) members: Vec<Item>,
}

impl Item {
    /// The first word of the header: `interface`, `record`, a function's name and so on.
    pub(super) fn keyword(&self) -> &str {
        let end = self.header.find([' ', ':', '(']);
        self.header
            .get(..end.unwrap_or(self.header.len()))
            .unwrap_or_default()
    }

    /// Whether the present members are all there may ever be.
    pub(super) fn closed(&self) -> bool {
        matches!(self.keyword(), "record" | "variant" | "enum" | "flags")
    }

    /// Whether WIT has a place for `@since` here: not on fields, cases and the package itself.
    pub(super) fn gated(&self) -> bool {
        let field = self.header.contains(": ") && !self.header.contains(": func");
        let case = !self.header.contains([' ', ':']) && self.members.is_empty();
        let constructor = self.keyword() == "constructor";
        constructor || self.keyword() != "package" && !field && !case
    }
}

/// The items of a text.
pub(super) fn items(text: &str) -> Vec<Item> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let code = code.join("\n");
    let mut rest = code.as_str();
    let items = block(&mut rest);
    assert_eq!(rest, "", "a block ends that did not begin");
    items
}

/// Items up to the end of the block that `rest` is in.
fn block(rest: &mut &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut words = String::new();
    let mut nested = 0_usize;
    while let Some(next) = rest.chars().next() {
        if next == '}' && words.contains('{') {
            words.push('}');
        } else if next == '}' {
            break;
        } else if next == '{' && is_block(&words) {
            *rest = &rest[1..];
            let members = block(rest);
            assert!(rest.starts_with('}'), "a block does not end");
            items.extend(item(&words, members));
            words.clear();
        } else if nested == 0 && (next == ';' || next == ',' && !words.contains('{')) {
            items.extend(item(&words, Vec::new()));
            words.clear();
        } else {
            match next {
                '(' | '<' => nested += 1,
                ')' => nested -= 1,
                '>' if !words.ends_with('-') => nested -= 1,
                _ => {}
            }
            words.push(next);
        }
        *rest = &rest[next.len_utf8()..];
    }
    items.extend(item(&words, Vec::new()));
    items
}

/// Braces of a `use` are part of its statement.
fn is_block(words: &str) -> bool {
    let (_, words) = without_attribute(words);
    !words.trim_start().starts_with("use ")
}

fn item(words: &str, members: Vec<Item>) -> Option<Item> {
    let (since, words) = without_attribute(words);
    let header = words.split_whitespace().collect::<Vec<_>>().join(" ");
    (!header.is_empty()).then_some(Item {
        header,
        since,
        members,
    })
}

/// What `@since(version = ...)` says, and what is behind it.
fn without_attribute(words: &str) -> (Option<String>, &str) {
    let attribute = words.trim_start().strip_prefix("@since(version = ");
    match attribute.and_then(|rest| rest.split_once(')')) {
        Some((version, rest)) => (Some(version.trim().to_owned()), rest),
        None => (None, words),
    }
}

#[test]
fn a_text_is_read_as_its_items() {
    let text = r"
        package a:b@0.1.0;
        /// Words; more {words}.
        @since(version = 0.1.0)
        interface i {
            @since(version = 0.1.0)
            use j.{one,
                two};
            @since(version = 0.1.0)
            record r { a: u8, b: result<_, string>, }
            @since(version = 0.2.0)
            f: func(a: r, b: tuple<u8, u8>) -> option<list<u8>>;
        }";
    let items = items(text);
    let headers =
        |items: &[Item]| -> Vec<String> { items.iter().map(|item| item.header.clone()).collect() };
    assert_eq!(headers(&items), ["package a:b@0.1.0", "interface i"]);
    let members = &items[1].members;
    assert_eq!(
        headers(members),
        [
            "use j.{one, two}",
            "record r",
            "f: func(a: r, b: tuple<u8, u8>) -> option<list<u8>>"
        ]
    );
    assert_eq!(
        headers(&members[1].members),
        ["a: u8", "b: result<_, string>"]
    );
    assert_eq!(members[2].since.as_deref(), Some("0.2.0"));
    assert!(members[2].gated() && !members[1].members[0].gated());
}

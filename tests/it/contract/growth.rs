//! What may be added to a released contract, and where.

use super::text::Item;

/// Interfaces that components export: a component of long ago has no more than it had.
const EXPORTED: [&str; 2] = ["interface toolbox", "interface adapter"];

/// `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl Version {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        let version = [
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
        ];
        numbers.next().is_none().then_some(Self(version))
    }
}

/// Everything in `present` that would not do for a component made for `released`, a line each.
pub(super) fn broken(version: Version, released: &[Item], present: &[Item]) -> Vec<String> {
    let mut broken = Vec::new();
    compare(version, "wit", false, released, present, &mut broken);
    broken
}

fn compare(
    version: Version,
    place: &str,
    closed: bool,
    released: &[Item],
    present: &[Item],
    broken: &mut Vec<String>,
) {
    let kept = |item: &&Item| !is_package(item);
    let order =
        |items: &[Item]| -> Vec<String> { items.iter().map(|item| item.header.clone()).collect() };
    if closed && order(released) != order(present) {
        broken.push(format!(
            "{place}: is closed, and has other members or another order"
        ));
        return;
    }
    for old in released.iter().filter(kept) {
        let Some(new) = present.iter().find(|new| new.header == old.header) else {
            broken.push(format!("{place}: `{}` is gone or has changed", old.header));
            continue;
        };
        if new.since != old.since {
            broken.push(format!("{place}: `{}` has another @since", old.header));
        }
        let place = format!("{place}, {}", old.header);
        let closed = old.closed() || EXPORTED.contains(&old.header.as_str());
        compare(version, &place, closed, &old.members, &new.members, broken);
    }
    for new in present.iter().filter(kept) {
        if released.iter().any(|old| old.header == new.header) {
            continue;
        }
        let since = new.since.as_deref().and_then(Version::parse);
        if since.is_none_or(|since| since <= version) {
            broken.push(format!(
                "{place}: `{}` is new, and its @since is no later version",
                new.header
            ));
        }
        if place.contains(", world ") && new.keyword() == "export" {
            broken.push(format!(
                "{place}: `{}` asks for what no older component has",
                new.header
            ));
        }
    }
}

/// Its version is another one, and that is all.
fn is_package(item: &Item) -> bool {
    item.keyword() == "package"
}

#[cfg(test)]
mod tests {
    use super::super::text::items;
    use super::*;

    const RELEASED: &str = "
        package a:b@0.1.0;
        @since(version = 0.1.0)
        interface i {
            @since(version = 0.1.0)
            record r { a: u8 }
            @since(version = 0.1.0)
            resource x {
                @since(version = 0.1.0)
                m: func() -> u8;
            }
            @since(version = 0.1.0)
            f: func(a: r);
        }
        @since(version = 0.1.0)
        interface toolbox {
            @since(version = 0.1.0)
            call: func();
        }
        @since(version = 0.1.0)
        world w {
            @since(version = 0.1.0)
            import i;
            @since(version = 0.1.0)
            export toolbox;
        }";

    /// The first complaint about the released text with one piece of it changed.
    fn complaint(from: &str, to: &str) -> Option<String> {
        assert!(RELEASED.contains(from), "{from}");
        let present = RELEASED.replacen(from, to, 1);
        let version = Version::parse("0.1.0").unwrap();
        broken(version, &items(RELEASED), &items(&present))
            .into_iter()
            .next()
    }

    #[test]
    fn what_is_imported_may_grow() {
        let later = "@since(version = 0.2.0)";
        assert_eq!(complaint("b@0.1.0", "b@0.2.0"), None);
        let function = format!("f: func(a: r);\n{later} g: func();");
        assert_eq!(complaint("f: func(a: r);", &function), None);
        let method = format!("m: func() -> u8;\n{later} n: func();");
        assert_eq!(complaint("m: func() -> u8;", &method), None);
        let import = format!("import i;\n{later} import j;");
        assert_eq!(complaint("import i;", &import), None);
    }

    #[test]
    fn what_is_out_does_not_change() {
        let complains = |from: &str, to: &str, about: &str| {
            let complaint = complaint(from, to).expect(to);
            assert!(complaint.contains(about), "{to}: {complaint}");
        };
        complains("a: u8 }", "a: u8, b: u8 }", "record r: is closed");
        complains("a: u8 }", "a: u16 }", "record r: is closed");
        complains(
            "f: func(a: r);",
            "f: func(a: r) -> u8;",
            "is gone or has changed",
        );
        complains("m: func() -> u8;", "", "is gone or has changed");
        complains(
            "m: func() -> u8;",
            "m: func() -> u8; n: func();",
            "no later version",
        );
        let now = "m: func() -> u8; @since(version = 0.1.0) n: func();";
        complains("m: func() -> u8;", now, "no later version");
        let later = "@since(version = 0.2.0)";
        let function = format!("call: func();\n{later} more: func();");
        complains("call: func();", &function, "interface toolbox: is closed");
        let export = format!("export toolbox;\n{later} export j;");
        complains("export toolbox;", &export, "no older component has");
    }
}

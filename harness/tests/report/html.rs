//! Just enough of an HTML reader to look at our own pages: it takes what we write and refuses what we never write.

/// One tag of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// Text between this tag and the next one.
    pub(crate) text: String,
}

impl Tag {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has_class(&self, class: &str) -> bool {
        self.attribute("class").is_some_and(|classes| classes.split(' ').any(|one| one == class))
    }
}

const VOID: [&str; 4] = ["meta", "link", "br", "input"];

/// All opening tags, in order; panics where elements do not nest.
pub(crate) fn tags(page: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").unwrap();
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(closing) = after.strip_prefix('/') {
            let (name, after) = closing.split_once('>').unwrap();
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of order");
            rest = after;
            continue;
        }
        let (tag, empty, mut after) = opening(after);
        // The content of these is not markup: it ends at the first end tag of theirs, whatever it holds.
        if ["script", "style"].contains(&tag.name.as_str()) {
            let end = after.find(&format!("</{}", tag.name)).unwrap();
            let text = after[..end].to_owned();
            after = &after[end..];
            open.push(tag.name.clone());
            tags.push(Tag { text, ..tag });
        } else {
            if !empty && !VOID.contains(&tag.name.as_str()) {
                open.push(tag.name.clone());
            }
            let text = after.split_once('<').map_or(after, |(text, _)| text).to_owned();
            tags.push(Tag { text, ..tag });
        }
        rest = after;
    }
    assert!(open.is_empty(), "left open: {open:?}");
    tags
}

/// The tag that begins here, whether it is empty (`/>`), and what follows it.
fn opening(text: &str) -> (Tag, bool, &str) {
    let end = text.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap();
    let mut tag = Tag { name: text[..end].to_owned(), attributes: Vec::new(), text: String::new() };
    assert!(tag.name.chars().all(|c| c.is_ascii_alphanumeric()), "odd name {:?}", tag.name);
    let mut rest = &text[end..];
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return (tag, true, after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, false, after);
        }
        let end = rest.find(['=', '>', ' ']).unwrap();
        let name = rest[..end].to_owned();
        let (value, after) = match rest[end..].strip_prefix("=\"") {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => ("", &rest[end..]),
        };
        tag.attributes.push((name, value.to_owned()));
        rest = after;
    }
}

/// The text of the `<script>` with this id.
pub(crate) fn data(page: &str, id: &str) -> Option<String> {
    tags(page)
        .into_iter()
        .find(|tag| tag.name == "script" && tag.attribute("id") == Some(id))
        .map(|tag| tag.text)
}

//! HTML and SVG under construction.
//!
//! Invariant: only string literals enter a page as they are. Everything that is known at run time only goes through
//! [`Markup::text`] or [`Tag::attr`], which escape it; the types leave no other way in.

use super::{escape, units};

/// A part of a page.
#[derive(Debug, Default)]
pub(super) struct Markup {
    out: String,
}

impl Markup {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Appends markup of our own.
    pub(super) fn raw(&mut self, literal: &'static str) -> &mut Self {
        self.out.push_str(literal);
        self
    }

    /// Appends text, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        escape::escape_into(&mut self.out, text);
        self
    }

    /// Appends JSON for a `<script>` element. The one escape differs from that of text: see [`escape::script_json`].
    pub(super) fn json(&mut self, json: &ScriptJson) -> &mut Self {
        self.out.push_str(&json.0);
        self
    }

    /// Appends another part.
    pub(super) fn add(&mut self, part: &Markup) -> &mut Self {
        self.out.push_str(&part.out);
        self
    }

    /// Begins a tag.
    pub(super) fn tag(&mut self, name: &'static str) -> Tag<'_> {
        self.out.push('<');
        self.out.push_str(name);
        Tag { markup: self, name }
    }

    /// Ends an element.
    pub(super) fn close(&mut self, name: &'static str) -> &mut Self {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self
    }

    /// A whole element with a class and text.
    pub(super) fn element(&mut self, name: &'static str, class: &str, text: &str) -> &mut Self {
        self.tag(name).class(class).text(text);
        self
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// The finished text.
    pub(super) fn into_string(self) -> String {
        self.out
    }
}

/// JSON spelled so that it cannot end the `<script>` element it stands in.
#[derive(Debug)]
pub(super) struct ScriptJson(String);

impl ScriptJson {
    /// Serialises a value whose serialisation cannot fail: no maps with keys other than text, no failing parts.
    pub(super) fn new<T: serde::Serialize>(value: &T) -> Self {
        Self(escape::script_json(value).expect("records of a run have text keys only"))
    }

    /// Bytes it takes in the page.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A tag whose attributes are being written.
#[must_use = "a tag must be opened, left empty or given its text"]
pub(super) struct Tag<'a> {
    markup: &'a mut Markup,
    name: &'static str,
}

impl<'a> Tag<'a> {
    /// An attribute; the value is escaped.
    pub(super) fn attr(self, name: &'static str, value: &str) -> Self {
        let out = &mut self.markup.out;
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape::escape_into(out, value);
        out.push('"');
        self
    }

    /// The class attribute; none for an empty one.
    pub(super) fn class(self, classes: &str) -> Self {
        if classes.is_empty() { self } else { self.attr("class", classes) }
    }

    /// A coordinate or a length of a drawing.
    pub(super) fn num(self, name: &'static str, value: f64) -> Self {
        let text = units::coordinate(value);
        self.attr(name, &text)
    }

    /// Position and size, for what has them all.
    pub(super) fn frame(self, x: f64, y: f64, width: f64, height: f64) -> Self {
        self.num("x", x).num("y", y).num("width", width).num("height", height)
    }

    /// Position, for text.
    pub(super) fn at(self, x: f64, y: f64) -> Self {
        self.num("x", x).num("y", y)
    }

    /// The two ends of a line.
    pub(super) fn ends(self, x1: f64, y1: f64, x2: f64, y2: f64) -> Self {
        self.num("x1", x1).num("y1", y1).num("x2", x2).num("y2", y2)
    }

    /// Ends the tag and leaves the element open.
    pub(super) fn open(self) -> &'a mut Markup {
        self.markup.raw(">")
    }

    /// Ends the tag of an element that has no content.
    pub(super) fn empty(self) -> &'a mut Markup {
        self.markup.raw("/>")
    }

    /// Ends the tag, writes the text, closes the element.
    pub(super) fn text(self, text: &str) -> &'a mut Markup {
        let name = self.name;
        self.open().text(text).close(name)
    }

    /// Ends the tag, writes a tooltip (SVG), closes the element.
    pub(super) fn tip(self, tip: &str) -> &'a mut Markup {
        let name = self.name;
        self.open().element("title", "", tip).close(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_literals_is_escaped() {
        let mut page = Markup::new();
        page.raw("<p>").text("<b>").raw("</p>");
        page.tag("rect").frame(0.0, 1.25, 2.0, 3.0).class("a\"b").tip("</title>");
        assert_eq!(
            page.into_string(),
            "<p>&lt;b&gt;</p><rect x=\"0\" y=\"1.3\" width=\"2\" height=\"3\" class=\"a&quot;b\">\
             <title>&lt;/title&gt;</title></rect>"
        );
    }
}

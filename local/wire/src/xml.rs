//! Just enough XML for the answers of the query protocol: the texts of elements without children.

/// Returns the text of every element with this name, in order.
#[must_use]
pub fn texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let text = |part: &str| part.split(&close).next().map(unescaped).unwrap_or_default();
    xml.split(&open).skip(1).map(text).collect()
}

/// Returns the text of the first element with this name.
#[must_use]
pub fn text(xml: &str, name: &str) -> Option<String> {
    texts(xml, name).into_iter().next()
}

fn unescaped(text: &str) -> String {
    let signs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    signs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::{text, texts};

    #[test]
    fn texts_are_found_and_unescaped() {
        let xml = "<a><b>1 &lt; 2</b><c/><b>&amp;lt;</b></a>";
        assert_eq!(texts(xml, "b"), ["1 < 2", "&lt;"]);
        assert_eq!(text(xml, "c"), None);
        assert_eq!(text("<Error>Stack does not exist</Error>", "StackStatus"), None);
    }
}

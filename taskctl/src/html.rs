//! HTML pages that need nothing else: no script, nothing from elsewhere, and no text in them that is not escaped.

use crate::terminal::visible::visible;

const STYLE: &str = include_str!("html/page.css");

/// Returns a page of these parts, which are HTML; the title is a text.
pub fn document(title: &str, parts: &[String]) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        escaped(title),
        parts.concat()
    )
}

/// Returns a text for HTML, in which nothing is markup, invisible, or turns the direction of what follows.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in visible(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Returns a titled table. A column's name with `#` in front is one of numbers, with `@` one of times; cells are HTML.
pub fn table(title: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let kind = |column: &str| match column.chars().next() {
        Some('#') => " class=\"number\"",
        Some('@') => " class=\"time\"",
        _ => "",
    };
    let name = |column: &&str| format!("<th{}>{}</th>", kind(column), column.trim_start_matches(['#', '@']));
    let heads: String = columns.iter().map(name).collect();
    let row = |cells: Vec<String>| {
        let cells =
            cells.iter().zip(columns).map(|(cell, column)| format!("<td{}>{cell}</td>", kind(column)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    format!(
        "<h2>{title}</h2>\n<div class=\"scroll\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n",
        rows.map(row).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        assert_eq!(escaped("a\u{202e}b"), "a\\u{202e}b");
    }
}

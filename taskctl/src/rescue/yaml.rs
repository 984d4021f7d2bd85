//! Templates in YAML, read line by line, as far as a rescue has to know them: each resource's deletion policy and the plain ones of its
//! properties. What is not written plainly is no literal, and never taken for one.

use serde_json::{Map, Value, json};

/// Stands for a value that is not written in one line.
const NOT_PLAIN: &str = "…";

/// A line with its indent.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    indent: usize,
    text: &'a str,
}

/// Returns the resources of a template in YAML's block style; `None` for a text that is anything else.
pub fn template(text: &str) -> Option<Value> {
    if text.contains('\t') {
        return None;
    }
    let lines: Vec<Line<'_>> = text.lines().filter_map(line).collect();
    let at = lines.iter().position(|line| line.indent == 0 && line.text == "Resources:")?;
    let resources = &lines[at + 1..];
    let end = resources.iter().position(|line| line.indent == 0).unwrap_or(resources.len());
    let mut read = Map::new();
    for (logical_id, value, below) in entries(&resources[..end])? {
        if !value.is_empty() {
            return None;
        }
        read.insert(logical_id.to_owned(), resource(below)?);
    }
    (!read.is_empty()).then(|| json!({"Resources": read}))
}

fn line(text: &str) -> Option<Line<'_>> {
    let trimmed = text.trim();
    let indent = text.len() - text.trim_start().len();
    (!trimmed.is_empty() && !trimmed.starts_with('#')).then_some(Line { indent, text: trimmed })
}

/// A key with the rest of its line, and the lines below it.
type Entry<'a> = (&'a str, &'a str, &'a [Line<'a>]);

/// Returns the entries of a mapping in block style; `None` where a line of it is no entry.
fn entries<'a>(lines: &'a [Line<'a>]) -> Option<Vec<Entry<'a>>> {
    let indent = lines.first()?.indent;
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let own = lines[at];
        if own.indent != indent {
            return None;
        }
        let (key, value) = key_value(own.text)?;
        let below = &lines[at + 1..];
        // A list may stand no deeper than its key.
        let ends = |line: &Line<'_>| {
            line.indent < indent
                || (line.indent == indent && !line.text.starts_with("- ") && line.text != "-")
        };
        let end = below.iter().position(ends).unwrap_or(below.len());
        found.push((key, value, &below[..end]));
        at += 1 + end;
    }
    Some(found)
}

fn key_value(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    let key = key.trim_matches(['"', '\'']);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
    let whole = value.is_empty() || value.starts_with(' ');
    (whole && !key.is_empty() && key.chars().all(plain)).then(|| (key, without_comment(value.trim())))
}

fn without_comment(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    value.split_once(" #").map_or(value, |(value, _)| value.trim_end())
}

fn resource(lines: &[Line<'_>]) -> Option<Value> {
    let mut read = Map::new();
    for (key, value, below) in entries(lines)? {
        let value = match key {
            "Properties" if value.is_empty() && !below.is_empty() => properties(below),
            _ => scalar(value, below),
        };
        read.insert(key.to_owned(), value);
    }
    Some(Value::Object(read))
}

fn properties(lines: &[Line<'_>]) -> Value {
    // Properties that are not a block mapping are not plain; the resource's policy is known all the same.
    let Some(entries) = entries(lines) else { return json!(null) };
    let read = entries.into_iter().map(|(key, value, below)| (key.to_owned(), scalar(value, below)));
    Value::Object(read.collect())
}

/// Reads a value of one line, or a list of such.
fn scalar(value: &str, below: &[Line<'_>]) -> Value {
    if below.is_empty() {
        return plain(value);
    }
    let items = below.iter().map(|line| line.text.strip_prefix("- "));
    match items.collect::<Option<Vec<_>>>() {
        Some(items) if value.is_empty() => {
            Value::Array(items.into_iter().map(|item| plain(without_comment(item))).collect())
        }
        _ => json!({ NOT_PLAIN: value }),
    }
}

/// Reads a plain word, a quoted text, or one of the short forms `!Ref` and `!GetAtt`.
fn plain(value: &str) -> Value {
    let word = |text: &str| {
        !text.is_empty()
            && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.:/+".contains(letter))
    };
    if let Some(name) = value.strip_prefix("!Ref ").map(unquoted).filter(|name| word(name)) {
        return json!({"Ref": name});
    }
    if let Some((of, attribute)) =
        value.strip_prefix("!GetAtt ").map(unquoted).and_then(|named| named.split_once('.'))
        && word(of)
    {
        return json!({"Fn::GetAtt": [of, attribute]});
    }
    let text = unquoted(value);
    if word(text) { json!(text) } else { json!({ NOT_PLAIN: value }) }
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = ['"', '\''].iter().find_map(|&quote| text.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stacks::inventory::deletion_policy;

    use super::template;

    const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Stage:
    Type: String
Resources:
  # The orders.
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain   # for the auditors
    Properties:
      TableName: orders
  Log:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: !If [IsProd, Retain, Delete]
  Key:
    Type: AWS::KMS::Key
    DeletionPolicy:
      Fn::If: [IsProd, Retain, Delete]
  Function:
    Type: AWS::Lambda::Function
    "DeletionPolicy": 'Delete'
    Properties:
      Code:
        ZipFile: |
          DeletionPolicy: Retain
          Resources:
      Role: !GetAtt Role.Arn
  Cleanup:
    Type: Custom::Cleanup
    Properties:
      ServiceToken: !GetAtt Function.Arn
      Other: !Sub "${Stage}-x"
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      Roles:
      - !Ref Role
      - other
Outputs:
  Table:
    Value: !Ref Table
"#;

    #[test]
    fn a_template_in_yaml_says_what_stays_and_what_is_a_part_of_what() {
        let read = template(TEMPLATE).expect("a template");
        let policy = |id: &str| deletion_policy(&read, id);
        assert_eq!(
            (policy("Table"), policy("Function"), policy("Cleanup")),
            (Some("Retain"), Some("Delete"), None)
        );
        let resources = &read["Resources"];
        assert_eq!(
            resources["Cleanup"]["Properties"]["ServiceToken"],
            json!({"Fn::GetAtt": ["Function", "Arn"]})
        );
        assert_eq!(resources["Policy"]["Properties"]["Roles"], json!([{"Ref": "Role"}, "other"]));
        assert_eq!(resources.as_object().map(serde_json::Map::len), Some(6));
    }

    #[test]
    fn what_is_not_written_plainly_is_never_taken_for_a_literal() {
        let read = template(TEMPLATE).expect("a template");
        for id in ["Log", "Key"] {
            assert_eq!(deletion_policy(&read, id), Some("that is no literal"), "{id}");
        }
        let other = &read["Resources"]["Cleanup"]["Properties"]["Other"];
        assert!(other.is_object() && other["Ref"].is_null(), "{other}");
    }

    #[test]
    fn a_text_that_is_no_block_style_template_is_not_read() {
        for text in [
            "",
            "Resources: {A: {Type: X}}",
            "Resources:\n  A: {Type: X}",
            "Resources:\n\tA:\n\t\tType: X",
            "Resources:\n  <<: *anchor",
            "Resources:\n  A:\n    Type: X\n   Odd: Y",
            "Description: x",
        ] {
            assert_eq!(template(text), None, "{text}");
        }
    }
}

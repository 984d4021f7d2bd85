use std::{
    borrow::Cow,
    io::{self, BufRead, Read},
};

/// The length at which a line is cut. CloudWatch Logs takes events of at most 1 MiB; a cut line is no JSON.
const LINE_MAX: u64 = 2 << 20;

/// Returns a message as one line: as it is or, with a line break in it, as a JSON string, which is no record.
#[must_use]
pub fn as_line(message: &str) -> Cow<'_, str> {
    if message.contains('\n') {
        // Text cannot fail to serialise.
        Cow::Owned(serde_json::to_string(message).unwrap_or_default())
    } else {
        Cow::Borrowed(message)
    }
}

/// Reads a line into the buffer, without its end. Returns whether there was one.
pub(super) fn read_line(reader: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    let mut read = reader.by_ref().take(LINE_MAX).read_until(b'\n', buffer)?;
    let is_line = read > 0;
    let mut is_whole = buffer.pop_if(|last| *last == b'\n').is_some();
    let mut rest = Vec::new();
    while !is_whole && read > 0 {
        rest.clear();
        read = reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut rest)?;
        is_whole = rest.last() == Some(&b'\n');
    }
    Ok(is_line)
}

#[cfg(test)]
mod tests {
    use super::{LINE_MAX, as_line, read_line};

    #[test]
    fn lines_are_read_whole_up_to_a_length() {
        let long = "x".repeat(usize::try_from(LINE_MAX).unwrap() * 2 + 5);
        let text = format!("a\n\n{long}\nb");
        let (mut reader, mut buffer) = (text.as_bytes(), Vec::new());
        let mut lengths = Vec::new();
        while read_line(&mut reader, &mut buffer).unwrap() {
            lengths.push(buffer.len() as u64);
        }
        assert_eq!(lengths, [1, 0, LINE_MAX, 1]);
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(as_line(r#"{"a": "\n"}"#), r#"{"a": "\n"}"#);
        assert_eq!(as_line("{\n}"), r#""{\n}""#);
    }
}

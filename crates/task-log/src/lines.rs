//! Bytes of a pipe to lines of text.
//!
//! A line ends with `\n`, `\r\n` or `\r`. What is not UTF-8 is shown as replacement characters, never refused. A line
//! that does not end is cut at the limit, so memory stays bounded whatever a task prints.

use crate::limits;

/// Collects bytes until a line is complete.
#[derive(Debug, Default)]
pub struct LineSplitter {
    pending: Vec<u8>,
    /// The last byte was a `\r`: a `\n` that follows belongs to it.
    after_return: bool,
}

impl LineSplitter {
    /// Hands each line that these bytes complete to `take`.
    pub fn feed(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&str)) {
        if self.after_return && bytes.first() == Some(&b'\n') {
            bytes = &bytes[1..];
        }
        if bytes.is_empty() {
            return;
        }
        self.after_return = false;
        while let Some(position) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.append(&bytes[..position], take);
            self.complete(take);
            let is_return = bytes[position] == b'\r';
            bytes = &bytes[position + 1..];
            match bytes.first() {
                Some(b'\n') if is_return => bytes = &bytes[1..],
                None => self.after_return = is_return,
                Some(_) => {}
            }
        }
        self.append(bytes, take);
    }

    /// The output has ended: what remains is a line too.
    pub fn finish(&mut self, take: &mut impl FnMut(&str)) {
        if !self.pending.is_empty() {
            self.complete(take);
        }
    }

    fn append(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&str)) {
        while self.pending.len() + bytes.len() > limits::OUTPUT_LINE_LEN_MAX {
            let room = limits::OUTPUT_LINE_LEN_MAX - self.pending.len();
            self.pending.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            self.complete(take);
        }
        self.pending.extend_from_slice(bytes);
    }

    fn complete(&mut self, take: &mut impl FnMut(&str)) {
        take(&String::from_utf8_lossy(&self.pending));
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut found = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk, &mut |line: &str| found.push(line.to_owned()));
        }
        splitter.finish(&mut |line: &str| found.push(line.to_owned()));
        found
    }

    #[test]
    fn every_way_to_end_a_line_ends_one_line() {
        assert_eq!(lines(&[b"a\nb\r\nc\rd"]), ["a", "b", "c", "d"]);
        assert_eq!(lines(&[b"\n\n"]), ["", ""]);
        assert_eq!(lines(&[b""]), Vec::<String>::new());
    }

    #[test]
    fn the_result_does_not_depend_on_how_the_bytes_arrive() {
        let text = b"one\r\n\r\ntwo\rthree\n\nfour\r";
        let whole = lines(&[text]);
        assert_eq!(whole, ["one", "", "two", "three", "", "four"]);
        for cut in 0..text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]]), whole, "cut at {cut}");
        }
        assert_eq!(
            lines(&text.iter().map(std::slice::from_ref).collect::<Vec<_>>()),
            whole
        );
    }

    #[test]
    fn a_character_that_arrives_in_two_parts_is_one_character() {
        let text = "grüße\n".as_bytes();
        for cut in 0..text.len() {
            assert_eq!(lines(&[&text[..cut], &text[cut..]]), ["grüße"]);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_and_not_refused() {
        assert_eq!(lines(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut_at_the_limit() {
        let text = vec![b'x'; limits::OUTPUT_LINE_LEN_MAX * 2 + 5];
        let lengths: Vec<usize> = lines(&[&text]).iter().map(String::len).collect();
        assert_eq!(
            lengths,
            [limits::OUTPUT_LINE_LEN_MAX, limits::OUTPUT_LINE_LEN_MAX, 5]
        );
    }
}

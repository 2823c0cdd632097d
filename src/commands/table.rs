//! Plain text tables: aligned columns, nothing that a terminal would obey.

/// Column titles and rows, aligned with two spaces between columns; every line indented by `indent` spaces.
pub(crate) fn render(titles: &[&str], rows: &[Vec<String>], indent: usize) -> Vec<String> {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let widest = cells
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| width(cell))
                .max();
            widest.unwrap_or(0).max(width(title))
        })
        .collect();
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    std::iter::once(&titles)
        .chain(&cells)
        .map(|row| line(row, &widths, indent))
        .collect()
}

fn line(row: &[String], widths: &[usize], indent: usize) -> String {
    let mut text = " ".repeat(indent);
    for (cell, column) in row.iter().zip(widths) {
        text.push_str(cell);
        text.push_str(&" ".repeat(column + 2 - width(cell).min(column + 2)));
    }
    text.truncate(text.trim_end().len());
    text
}

/// Names come from files and rows: a control character in them must not reach the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// Columns on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars()
        .map(|character| if is_wide(character) { 2 } else { 1 })
        .sum()
}

/// The text cut to `columns`, with dots where something is missing.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let mut kept = String::new();
    for character in text.chars() {
        used += if is_wide(character) { 2 } else { 1 };
        if used >= columns {
            break;
        }
        kept.push(character);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// The blocks of East Asian characters that take two columns.
fn is_wide(character: char) -> bool {
    matches!(u32::from(character),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f
        | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd)
}

/// A length of time as people say it: `<1 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. Rows keep whole seconds, so nothing finer is known.
pub(crate) fn duration(millis: i64) -> String {
    let seconds = millis.max(0) / 1_000;
    match seconds {
        0 => "<1 s".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// The same for what is known to the millisecond: `12 ms`, `1.500 s`, then as above. Clocks of two masters may differ, so it can be below nothing.
pub(crate) fn precise_duration(millis: i64) -> String {
    match millis {
        ..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{:03} s", millis / 1_000, millis % 1_000),
        _ => duration(millis),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_even_for_wide_characters() {
        let rows = [
            vec!["a".to_owned(), "1".to_owned()],
            vec!["数据".to_owned(), "22".to_owned()],
        ];
        assert_eq!(
            render(&["NAME", "N"], &rows, 2),
            ["  NAME  N", "  a     1", "  数据  22"]
        );
        assert_eq!(render(&["NAME", "N"], &[], 0), ["NAME  N"]);
    }

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(
            render(&["N"], &[vec!["a\u{1b}[2J\nb".to_owned()]], 0),
            ["N", "a\u{fffd}[2J\u{fffd}b"]
        );
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("数据数据", 4), "数…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn milliseconds_are_shown_where_they_are_known() {
        let cases = [
            (-3, "-3 ms"),
            (999, "999 ms"),
            (1_005, "1.005 s"),
            (61_000, "1 min 01 s"),
        ];
        for (millis, expected) in cases {
            assert_eq!(precise_duration(millis), expected);
        }
    }

    #[test]
    fn durations_read_well() {
        let cases = [
            (-5, "<1 s"),
            (999, "<1 s"),
            (59_999, "59 s"),
            (185_000, "3 min 05 s"),
            (7_620_000, "2 h 07 min"),
        ];
        for (millis, expected) in cases {
            assert_eq!(duration(millis), expected);
        }
    }
}

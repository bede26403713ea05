//! How is a program laid out? Its own lines and comments, indented by depth.
//!
//! Line breaks and what stands within a line are the author's. Two spaces a level; a line that goes on with a statement keeps its distance
//! from the statement's first line; no spaces at the end of a line, no two empty lines in a row.

const STEP: usize = 2;

/// The text laid out. Laying out again changes nothing.
pub fn lay_out(text: &str) -> String {
    let mut layout = Layout::default();
    for line in text.lines() {
        layout.line(line);
    }
    layout.out
}

#[derive(Default)]
struct Layout {
    out: String,
    depth: usize,
    in_comment: bool,
    /// Where the statement that a line goes on with began: in the text and in the output.
    began: Option<(usize, usize)>,
    empty_before: bool,
}

impl Layout {
    fn line(&mut self, line: &str) {
        if self.in_comment {
            // The inside of a comment is a picture of its author's.
            self.out += line.trim_end();
            self.out.push('\n');
            self.scan(line);
            return;
        }
        let text = line.trim();
        if text.is_empty() {
            self.empty_before = !self.out.is_empty();
            return;
        }
        if std::mem::take(&mut self.empty_before) {
            self.out.push('\n');
        }
        let found: usize =
            line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { STEP } else { 1 }).sum();
        let closing = text.chars().take_while(|c| *c == '}').count();
        let indent = match self.began {
            Some((before, now)) => now + found.saturating_sub(before),
            None => STEP * self.depth.saturating_sub(closing),
        };
        self.out += &" ".repeat(indent);
        self.out += text;
        self.out.push('\n');
        match self.scan(text) {
            Some(';' | '{' | '}') => self.began = None,
            Some(_) => self.began = self.began.or(Some((found, indent))),
            None => {}
        }
    }

    /// Follows comments and braces through a line; its last character that is no comment.
    fn scan(&mut self, line: &str) -> Option<char> {
        let mut last = None;
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            if self.in_comment {
                let Some(end) = rest.find("*/") else { return last };
                self.in_comment = false;
                rest = &rest[end + 2..];
                continue;
            }
            if rest.starts_with("//") {
                return last;
            }
            if rest.starts_with("/*") {
                self.in_comment = true;
                rest = &rest[2..];
                continue;
            }
            match c {
                '{' => self.depth += 1,
                '}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            if !c.is_whitespace() {
                last = Some(c);
            }
            rest = &rest[c.len_utf8()..];
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_indented_by_depth_and_comments_stay() {
        let text = "\n\n// a\nfor i in 0..4 { // {\n\tB[i] =\n\t   A[i]\n\t   + 1;   \n\n\n/* one\n    two } */\n      if i < 2 {\nC[i] = 1; } else {\nC[i] = 2;\n}\n  }";
        let laid_out = "// a\nfor i in 0..4 { // {\n  B[i] =\n     A[i]\n     + 1;\n\n  /* one\n    two } */\n  if i < 2 {\n    C[i] = 1; } else {\n    C[i] = 2;\n  }\n}\n";
        assert_eq!(lay_out(text), laid_out);
        assert_eq!(lay_out(laid_out), laid_out);
    }

    #[test]
    fn windows_line_ends_and_missing_ones_become_plain() {
        assert_eq!(lay_out("param N = 1;\r\n\r\ninput A[N];"), "param N = 1;\n\ninput A[N];\n");
        assert_eq!(lay_out(""), "");
    }
}

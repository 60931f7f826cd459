//! Comma-separated values (RFC 4180) that a spreadsheet shows and does not carry out.

use crate::tenants::is_unseen;

/// Whether a spreadsheet could take a cell for a formula: by how it begins, in whatever width, after what is not seen.
fn could_be_a_formula(cell: &str) -> bool {
    const BEGINS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    cell.trim_start_matches(is_unseen).starts_with(BEGINS)
}

/// One line of these cells. Every cell is quoted. One that a spreadsheet could take for a formula begins with an
/// apostrophe, which makes it text there.
pub(crate) fn line<const N: usize>(cells: [&str; N]) -> String {
    let mut line = String::new();
    for (place, cell) in cells.into_iter().enumerate() {
        line.push_str(if place == 0 { "\"" } else { ",\"" });
        if could_be_a_formula(cell) {
            line.push('\'');
        }
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    }
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_whatever_is_in_it() {
        assert_eq!(
            line(["a", "", "say \"hi\"", "x,y\r\nz"]),
            "\"a\",\"\",\"say \"\"hi\"\"\",\"x,y\r\nz\"\r\n"
        );
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "＝1",
            "＋1",
            "－1",
            "＠SUM(A1)",
            "\u{200b}=1",
            "\u{feff}\u{202e}＝1",
        ] {
            assert_eq!(line([formula]), format!("\"'{formula}\"\r\n"));
        }
        assert_eq!(line(["a=1", "'=1", " =1"]), "\"a=1\",\"'=1\",\" =1\"\r\n");
    }
}

//! Columns that stand under each other.

use std::io::{self, Write};

use owo_colors::OwoColorize;

use super::words::plain;

/// The longest text in a cell, in letters; but the last column is never cut.
const MOST: usize = 60;

/// A table with a head.
pub(super) struct Table<const COLUMNS: usize> {
    head: [&'static str; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// An empty one.
    pub(super) fn new(head: [&'static str; COLUMNS]) -> Self {
        Self { head, rows: Vec::new() }
    }

    /// One more row. Text from outside is made harmless here.
    pub(super) fn row(&mut self, cells: [String; COLUMNS]) {
        let mut column = 0;
        self.rows.push(cells.map(|cell| {
            column += 1;
            let cell = plain(&cell);
            let cell = if column < COLUMNS { short(cell) } else { cell };
            if cell.is_empty() { "–".to_owned() } else { cell }
        }));
    }

    /// Writes it.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let mut widths = self.head.map(|head| head.chars().count());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        writeln!(out, "{}", line(&self.head.map(str::to_owned), &widths).bold())?;
        for row in &self.rows {
            writeln!(out, "{}", line(row, &widths))?;
        }
        Ok(())
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(&format!("{cell:width$}  "));
    }
    line.trim_end().to_owned()
}

fn short(cell: String) -> String {
    if cell.chars().count() <= MOST {
        return cell;
    }
    cell.chars().take(MOST - 1).chain(['…']).collect()
}

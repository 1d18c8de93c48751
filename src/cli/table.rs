//! Columns that stand under each other.

use std::io::{self, Write};

use owo_colors::OwoColorize;

use super::screen::fold;
use super::words::plain;

/// The longest text in a cell, in letters; but the last column is never cut.
const MOST: usize = 60;

/// Columns that the last cell has at least.
const LEAST: usize = 16;

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

    /// Writes it, so that it fits the terminal.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_in(out, super::screen::width())
    }

    /// Where it does not fit, the last column is folded; where there is no room for that, each row stands as lines of its own.
    fn write_in(&self, out: &mut impl Write, columns: Option<usize>) -> io::Result<()> {
        let mut widths = self.head.map(|head| head.chars().count());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let before: usize = widths.iter().take(COLUMNS.saturating_sub(1)).map(|width| width + 2).sum();
        if let Some(columns) = columns.filter(|columns| before + LEAST > *columns) {
            return self.stacked(out, columns);
        }
        writeln!(out, "{}", line(&self.head.map(str::to_owned), &widths).bold())?;
        for row in &self.rows {
            writeln!(out, "{}", folded(row, &widths, columns))?;
        }
        Ok(())
    }

    /// One row after the other, a line for each cell that says something.
    fn stacked(&self, out: &mut impl Write, columns: usize) -> io::Result<()> {
        for (nth, row) in self.rows.iter().enumerate() {
            if nth > 0 {
                writeln!(out)?;
            }
            for (head, cell) in self.head.iter().zip(row).filter(|(_, cell)| *cell != "–") {
                let before = head.chars().count() + 2;
                writeln!(out, "{}: {}", head.bold(), fold(cell, Some(columns), before, 2))?;
            }
        }
        Ok(())
    }
}

/// A row whose last cell goes on below itself where it is too long.
fn folded(row: &[String], widths: &[usize], columns: Option<usize>) -> String {
    let Some((last, others)) = row.split_last() else { return String::new() };
    let before: usize = widths.iter().take(others.len()).map(|width| width + 2).sum();
    let mut all = others.to_vec();
    all.push(fold(last, columns, before, before));
    line(&all, widths)
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

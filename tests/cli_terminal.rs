//! At a terminal: colours only where they are wanted, and lines that fit.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/cli.rs"]
mod support;

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::Winsize;

use support::{House, least};

/// What the program writes on a terminal of that many columns.
fn at_terminal(house: &House, arguments: &[&str], columns: u16, env: &[(&str, &str)]) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&master, size).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let side: OwnedFd =
        rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let stdio = || Stdio::from(side.try_clone().unwrap());
    let mut command = house.command(arguments);
    command.stdin(stdio()).stdout(stdio()).stderr(stdio()).env("TERM", "xterm").envs(env.iter().copied());
    let mut child = command.spawn().unwrap();
    drop((command, side));
    let mut screen = Vec::new();
    let mut piece = [0; 4096];
    let mut master = File::from(master);
    // It ends with an error when nobody has the other side any more.
    while let Ok(read @ 1..) = master.read(&mut piece) {
        screen.extend_from_slice(&piece[..read]);
    }
    child.wait().unwrap();
    String::from_utf8(screen).unwrap().replace("\r\n", "\n")
}

fn longest(screen: &str) -> usize {
    screen.lines().map(|line| line.chars().count()).max().unwrap()
}

#[test]
fn lines_fit_and_colours_are_where_they_are_wanted() {
    // Nothing of it can be read, so there is enough to say, and nobody is asked.
    let house = House::new(&least("adminn = \"127.0.0.1:9180\""));
    let plain = [("NO_COLOR", "1")];
    let narrow = at_terminal(&house, &["doctor"], 40, &plain);
    assert!(longest(&narrow) <= 40 || narrow.split_whitespace().any(|word| word.len() > 28), "{narrow}");
    assert!(narrow.contains("[config-file]") && !narrow.contains('\u{1b}'), "{narrow:?}");
    let wide = at_terminal(&house, &["doctor"], 200, &plain);
    assert!(wide.lines().count() < narrow.lines().count(), "{wide}");

    let coloured = at_terminal(&house, &["doctor"], 100, &[]);
    assert!(coloured.contains("\u{1b}[31m") || coloured.contains("\u{1b}[1m"), "{coloured:?}");
    let said = at_terminal(&house, &["config", "check"], 50, &plain);
    assert!(said.starts_with("✘ ") && said.lines().count() > 1 && !said.contains('\u{1b}'), "{said:?}");
}

#[tokio::test]
async fn colours_can_be_forced_into_a_pipe() {
    let house = House::new(&least("adminn = \"127.0.0.1:9180\""));
    let mut command = house.command(&["doctor"]);
    command.env("CLICOLOR_FORCE", "1");
    let said = support::finished(command).await;
    assert!(said.code == 1 && said.err.is_empty() && said.out.contains('\u{1b}'), "{said:?}");
    let said = house.run(&["doctor"]).await;
    assert!(!said.out.contains('\u{1b}') && longest(&said.out) > 110, "a pipe has no width: {said:?}");
}

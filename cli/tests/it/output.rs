//! Where output goes: pipes that close, full disks, terminals.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use nix::pty::openpty;

use crate::program::{Folder, USB, with_devices};

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let folder = Folder::with("bad.xml", with_devices(&USB.repeat(300)));
    for args in [&["explain"][..], &["check", "bad.xml"], &["check", "--format", "json", "bad.xml"], &["--help"]] {
        let mut child = folder.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(args[0] == "check")), "{args:?}: {err}");
        assert!(!err.contains("panic") && !err.contains("internal error"), "{args:?}: {err}");
    }
    // Standard error may be closed as well.
    let mut child = folder.command(&["check", "bad.xml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_full_disk_is_told() {
    let folder = Folder::with("bad.xml", with_devices(USB));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = folder.command(&["check", "--format", "json", "bad.xml"]).stdout(full).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("cannot write to standard output: No space left on device"), "{err}");
}

#[test]
fn colour_is_for_terminals_alone() {
    let folder = Folder::with("bad.xml", with_devices(USB));
    assert!(!folder.virtc(&["check", "bad.xml"]).out.contains('\u{1b}'));
    let on_terminal = |variable: Option<(&str, &str)>| {
        let pty = openpty(None, None).unwrap();
        let mut command = folder.command(&["check", "bad.xml"]);
        command.envs(variable).stdout(pty.slave).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // The last holder of the terminal's other side must be the child.
        drop(command);
        let mut text = Vec::new();
        // Linux ends the reading with EIO.
        let _ = File::from(pty.master).read_to_end(&mut text);
        child.wait().unwrap();
        String::from_utf8(text).unwrap()
    };
    let text = on_terminal(None);
    assert!(text.contains('\u{1b}') && text.contains("hostdev-net-usb"), "{text}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let text = on_terminal(Some(variable));
        assert!(!text.contains('\u{1b}') && text.contains("hostdev-net-usb"), "{variable:?}: {text}");
    }
}

#[test]
fn a_locale_without_unicode_gets_ascii() {
    let folder = Folder::with("bad.xml", with_devices(USB));
    let output = folder.command(&["check", "bad.xml"]).env("LC_ALL", "C").output().unwrap();
    assert!(output.stdout.is_ascii(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn long_lines_and_odd_places_are_shown_in_part() {
    let usb = USB.replace('\n', "");
    let text = with_devices(&usb.repeat(300)).replace('\n', "");
    let folder = Folder::with("bad.xml", &text);
    let ran = folder.virtc(&["check", "bad.xml"]);
    let widest = ran.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest < 500, "{widest} columns");
    assert!(ran.out.contains("<address type='usb' bus='1' device='4'/>"));
    // A place at the end, a place in an empty file, a place after a character of four bytes, carriage returns.
    for text in [
        "<domain>\n",
        "",
        "<domain>\u{1f600}\u{1f600} & </domain>",
        "<domain>\r\n\r\n<name>\r\n</domain>\r\n",
        "<a>\t<b></a>",
    ] {
        folder.write("odd.xml", text);
        let ran = folder.virtc(&["check", "odd.xml"]);
        assert_eq!(ran.code, 1);
        assert!(ran.out.contains("odd.xml") && !ran.out.contains("Failed to read"), "{text:?}: {}", ran.out);
    }
}

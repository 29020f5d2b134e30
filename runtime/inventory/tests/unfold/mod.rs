//! Makes a directory tree from a manifest (see `tests/trees/sriov.tree` for its form).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

/// The tree of `trees/NAME.tree` in a new directory, which goes when the value does.
pub fn unfold(name: &str) -> TempDir {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees").join(format!("{name}.tree"));
    let text = fs::read_to_string(&manifest).unwrap();
    let root = TempDir::new().unwrap();
    let mut dir = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(path) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            path.clone_into(&mut dir);
            fs::create_dir_all(root.path().join(&dir)).unwrap();
        } else if let Some((name, target)) = line.split_once(" -> ") {
            let up = "../".repeat(dir.split('/').count());
            symlink(format!("{up}{target}"), root.path().join(&dir).join(name)).unwrap();
        } else if let Some((name, content)) = line.split_once(" =") {
            let content = content.trim_start().replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\");
            fs::write(root.path().join(&dir).join(name), content + "\n").unwrap();
        } else {
            let name = line.strip_suffix('/').unwrap_or_else(|| panic!("{}: `{line}`", manifest.display()));
            fs::create_dir_all(root.path().join(&dir).join(name)).unwrap();
        }
    }
    root
}

//! Compiles each grammar in the folder of this file, and lists all sources for `virtc schema export`.

#![expect(clippy::disallowed_methods, reason = "a build script reads and writes files")]

use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use virtc_diag::SourceFile;
use virtc_rng::Schema;

/// The grammars that are compiled.
const GRAMMARS: [&str; 3] = ["domain", "device", "network"];

type Result<T> = std::result::Result<T, String>;

fn main() -> Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").map_err(|e| e.to_string())?);
    let out = PathBuf::from(std::env::var("OUT_DIR").map_err(|e| e.to_string())?);
    let mut sources = Vec::new();
    find(&root, &root, &mut sources)?;
    sources.sort();
    let mut code =
        "/// All source files, as (path in the folder of schemas, text).\npub static SOURCES: &[(&str, &str)] = &[\n"
            .to_owned();
    for name in &sources {
        let path = root.join(name).display().to_string();
        let _ = writeln!(code, "    ({name:?}, include_str!({path:?})),");
    }
    code.push_str("];\n");
    write(&out.join("sources.rs"), code.as_bytes())?;
    for name in GRAMMARS {
        write(&out.join(format!("{name}.bin")), &compile(&root, &format!("{name}.rnc"))?)?;
    }
    Ok(())
}

/// The paths of all grammar files, relative to `root`. Each folder and file is watched.
fn find(root: &Path, folder: &Path, out: &mut Vec<String>) -> Result<()> {
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if path.is_dir() {
            find(root, &path, out)?;
        } else if path.extension().is_some_and(|extension| extension == "rnc") {
            println!("cargo::rerun-if-changed={}", path.display());
            out.extend(path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned));
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn compile(root: &Path, name: &str) -> Result<Vec<u8>> {
    let read = |name: String| match std::fs::read_to_string(root.join(&name)) {
        Ok(text) => Ok(SourceFile::new(name, text)),
        Err(error) => Err(error.to_string()),
    };
    let source = read(name.to_owned()).map_err(|why| format!("{name}: {why}"))?;
    let schema = Schema::compile(&source, &mut |href, from| {
        let beside = Path::new(from.name()).parent().unwrap_or(Path::new("")).join(href);
        read(plain(&beside))
    });
    Ok(schema.map_err(|errors| errors.to_string())?.to_bytes())
}

/// A relative path without `.` and `..`.
fn plain(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.extend(name.to_str()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    parts.join("/")
}

//! The passes one after the other, as the commands use them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use virtc_compiler::emit::argv::argv;
use virtc_compiler::passes::{Goal, Passed};
use virtc_compiler::target::Capabilities;
use virtc_compiler::target::exchange::recorded;
use virtc_compiler::{Facts, Machine, Passes, Target, Valid};
use virtc_diag::{Severity, SourceFile};
use virtc_inventory::HostFile;
use virtc_rng::Validator;

/// All that a text is compiled with.
pub struct Compiler {
    host: HostFile,
    target: Target,
    validator: Validator<'static>,
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The conformance corpus; without it a test says that it is skipped.
pub fn corpus() -> Option<PathBuf> {
    let found = std::env::var_os("VIRTC_CORPUS").map(PathBuf::from);
    if found.is_none() {
        virtc_tests::tools::skipped("the conformance corpus was not used: VIRTC_CORPUS does not name it");
    }
    found
}

/// What the QEMU of the conformance corpus said of itself.
pub fn recorded_caps(corpus: &Path) -> Capabilities {
    let text = std::fs::read_to_string(corpus.join("qemu-caps/caps_10.0.0_x86_64.replies")).unwrap();
    Capabilities::from_exchanges(&recorded(&text).unwrap()).unwrap()
}

/// The host that the conformance corpus assumes.
pub fn host() -> HostFile {
    let text = std::fs::read_to_string(root().join("testdata/hosts/libvirt-test.json")).unwrap();
    HostFile::from_json(&text).unwrap()
}

impl Default for Compiler {
    fn default() -> Self {
        Self::of(Target::default())
    }
}

impl Compiler {
    /// A compiler for one QEMU.
    pub fn of(target: Target) -> Self {
        Self { host: host(), target, validator: virtc_schemas::domain().validator() }
    }

    fn run(&mut self, text: &str, goal: Goal) -> Passed {
        let passes = Passes { target: &self.target, facts: Facts::new(Some(&self.host)) };
        passes.run(&SourceFile::new("test", text), goal, &mut self.validator)
    }

    /// The definition as it would be stored.
    ///
    /// # Errors
    /// With the first error, where there is none.
    pub fn try_stored(&mut self, text: &str) -> Result<String, String> {
        let passed = self.run(text, Goal::Definition);
        let errors = || passed.findings().iter().filter(|found| found.severity == Severity::Error);
        let definition = passed.definition().map(|definition| definition.get().to_xml());
        definition.ok_or_else(|| errors().map(|fault| fault.message.clone()).next().unwrap_or_default())
    }

    /// The definition as it would be stored.
    pub fn stored(&mut self, text: &str) -> Option<String> {
        self.try_stored(text).ok()
    }

    /// The machine, where there is one.
    pub fn machine(&mut self, text: &str) -> Option<Valid<Machine>> {
        self.run(text, Goal::Machine).into_machine().0
    }

    /// The command line.
    pub fn argv(&mut self, text: &str) -> Option<Vec<String>> {
        Some(argv(&self.machine(text)?).display().into_iter().map(Cow::into_owned).collect())
    }
}

/// All files below a folder whose names end with `.xml`, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    let all = entries.into_iter().flat_map(below);
    all.filter(|path| path.extension().is_some_and(|extension| extension == "xml")).collect()
}

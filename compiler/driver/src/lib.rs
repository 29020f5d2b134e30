//! Check libvirt domain XML and compile it for QEMU: the whole compiler as a library.
//!
//! A [`Compiler`] takes a text and gives a [`Report`]: everything that was found, each finding at its place, and what could be made of the
//! text. A machine is there only when nothing is in error, so a command line is never made of half a definition.
//!
//! # Check
//!
//! ```
//! use virtc::{Compiler, SourceFile};
//!
//! let text = "<domain type='kvm'><name>a</name><memory>1024</memory><os><type machine='q35'>hvm</type></os>
//!   <devices><disk device='cdrom'><target dev='sda' buss='sata'/></disk></devices></domain>";
//! let report = Compiler::new().check(SourceFile::new("guest.xml", text));
//! let lines = report.findings().to_string();
//! assert!(lines.starts_with("guest.xml:2:51: error[unknown-attribute] "), "{lines}");
//! ```
//!
//! # Compile
//!
//! What is known of the host and of the QEMU comes from files, which `virtc host snapshot` and `virtc qemu probe` write; without them a
//! usual host and the newest QEMU are assumed.
//!
//! ```
//! use virtc::{Compiler, HostFile, SourceFile, Target};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host = HostFile::from_json(r#"{"format": 1}"#)?;
//! let target = Target::profile("7.2").ok_or("this version is not known")?;
//! let text = "<domain type='kvm'><name>a</name><memory unit='GiB'>1</memory><os><type machine='q35'>hvm</type></os></domain>";
//!
//! let report = Compiler::new().host(&host).target(target).compile(SourceFile::new("guest.xml", text));
//! let machine = report.machine()?;
//! assert_eq!(machine.argv().first().map(String::as_str), Some("/usr/bin/qemu-system-x86_64"));
//! assert!(report.definition()?.to_xml().contains("<controller type='pci' index='0' model='pcie-root'/>"));
//! println!("{}", machine.script()?);
//! # Ok(())
//! # }
//! ```
//!
//! # Hotplug
//!
//! A device is compiled against the guest as it runs. [`Running::to_record`] is what has to be kept of that.
//!
//! ```
//! use virtc::{Compiler, SourceFile};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut compiler = Compiler::new();
//! let text = "<domain type='kvm'><name>a</name><memory unit='GiB'>1</memory><os><type machine='pc'>hvm</type></os></domain>";
//! let running = compiler.compile(SourceFile::new("guest.xml", text)).machine()?.running();
//!
//! let disk = "<disk type='file'><source file='/a.qcow2'/><target dev='vda' bus='virtio'/></disk>";
//! let report = compiler.attach(&running.into(), SourceFile::new("disk.xml", disk));
//! let change = report.change()?;
//! assert_eq!(change.alias(), "virtio-disk0");
//! for command in change.qmp()? {
//!     println!("{command}");
//! }
//! assert!(change.running().to_record().contains("/a.qcow2"));
//! # Ok(())
//! # }
//! ```

mod change;
mod compiler;
mod findings;
mod front;
mod machine;
pub mod render;
mod report;
mod source;

pub use change::{Change, ChangeReport, Guest};
pub use compiler::Compiler;
pub use findings::Findings;
pub use machine::Machine;
pub use report::Report;
pub use source::Source;

pub use virtc_compiler::emit::argv::MapEntry;
pub use virtc_compiler::passes::{Goal, Record};
pub use virtc_compiler::{Definition, Domain, MissingDevice, Running, Target};
pub use virtc_diag::{Diagnostic, Severity, SourceFile, Span};
pub use virtc_inventory::HostFile;
pub use virtc_plan::{DevicePlan, Plan, QmpScript};
pub use virtc_rng::Schema;
pub use virtc_xml::Document;

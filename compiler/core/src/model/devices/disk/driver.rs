//! `<driver>` of a disk.

use crate::ir::{DefaultRule, Leaf, Opt, OptExt, Origin, Spanned, Switch, words};
use crate::model::devices::virtio::VirtioOptions;
use crate::model::elements::iothreads::DriverIothreads;
use crate::model::storage::{ImageFormat, MetadataCache, StorageType};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The format of a disk's data; `aio` is an old word for `raw`.
struct FormatWord(ImageFormat);

impl Leaf for FormatWord {
    fn read(text: &str) -> Option<Self> {
        if text == "aio" { Some(Self(ImageFormat::Raw)) } else { ImageFormat::read(text).map(Self) }
    }
    fn show(&self) -> String {
        self.0.show()
    }
    fn words() -> &'static [&'static str] {
        ImageFormat::words()
    }
}

words! {
    /// How the host caches the data.
    pub enum Cache { Default = "default", None = "none", Writethrough = "writethrough", Writeback = "writeback", Directsync = "directsync", Unsafe = "unsafe" }
}

words! {
    /// What happens on a failed write or read.
    pub enum ErrorPolicy { Stop = "stop", Report = "report", Ignore = "ignore", Enospace = "enospace" }
}

words! {
    /// How requests are queued on the host.
    pub enum Io { Threads = "threads", Native = "native", IoUring = "io_uring" }
}

words! {
    /// What happens to discarded blocks.
    pub enum Discard { Unmap = "unmap", Ignore = "ignore" }
}

words! {
    /// What happens to blocks of zeros.
    pub enum DetectZeroes { Off = "off", On = "on", Unmap = "unmap" }
}

words! {
    /// The name of the driver.
    pub enum DriverName { Qemu = "qemu" }
}

/// `<driver>` of a disk.
#[derive(Debug, Clone, Default)]
pub struct DiskDriver {
    /// `qemu`.
    pub name: Opt<DriverName>,
    /// The format.
    pub format: Opt<ImageFormat>,
    /// The cache mode.
    pub cache: Opt<Cache>,
    /// What happens on a failed write.
    pub error_policy: Opt<ErrorPolicy>,
    /// What happens on a failed read.
    pub rerror_policy: Opt<ErrorPolicy>,
    /// How requests are queued.
    pub io: Opt<Io>,
    /// Whether notifications go through an eventfd.
    pub ioeventfd: Opt<Switch>,
    /// Whether the event index is used.
    pub event_idx: Opt<Switch>,
    /// Whether read blocks are copied.
    pub copy_on_read: Opt<Switch>,
    /// What happens to discarded blocks.
    pub discard: Opt<Discard>,
    /// What happens to blocks of zeros.
    pub detect_zeroes: Opt<DetectZeroes>,
    /// Whether discarded clusters of a qcow2 image stay reserved.
    pub no_unref: Opt<Switch>,
    /// The memory for the tables of a qcow2 image.
    pub metadata_cache: Option<MetadataCache>,
    /// The number of queues.
    pub queues: Opt<u32>,
    /// The length of a queue.
    pub queue_size: Opt<u32>,
    /// The I/O threads that serve it.
    pub threads: DriverIothreads,
    /// What every virtio device has.
    pub virtio: VirtioOptions,
}

static FORMAT: DefaultRule = DefaultRule {
    name: "raw-disk",
    text: "a disk without a format is raw; its format is never guessed from its content, which the guest can write",
};

impl DiskDriver {
    /// Reads `<driver>` of the disk `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let Some(d) = f.child("driver") else { return Self::default() };
        Self {
            name: d.attr("name"),
            format: d.attr::<FormatWord>("type").map(|f| f.map(|f| f.0)),
            cache: d.attr("cache").filter(|c: &Spanned<Cache>| c.value != Cache::Default),
            error_policy: d.attr("error_policy"),
            rerror_policy: d.attr("rerror_policy"),
            io: d.attr("io"),
            ioeventfd: d.attr("ioeventfd"),
            event_idx: d.attr("event_idx"),
            copy_on_read: d.attr("copy_on_read"),
            discard: d.attr("discard"),
            detect_zeroes: d.attr("detect_zeroes"),
            no_unref: d.attr("discard_no_unref"),
            metadata_cache: MetadataCache::lower(&d),
            queues: d.attr("queues"),
            queue_size: d.attr("queue_size"),
            threads: DriverIothreads::lower(&d),
            virtio: VirtioOptions::lower(&d),
        }
    }

    /// Fills in what is absent. The format of a volume is that of the volume, which its pool knows.
    pub fn define(&mut self, origin: Origin, kind: Option<StorageType>) {
        self.name.get_or_insert(Spanned::rule(DriverName::Qemu, &FORMAT, origin));
        match kind {
            Some(StorageType::Volume) => {}
            Some(_) | None => drop(self.format.get_or_insert(Spanned::rule(ImageFormat::Raw, &FORMAT, origin))),
        }
    }

    /// Writes `<driver>`.
    pub fn write(&self, w: &mut XmlWriter) {
        let tag = w
            .tag("driver")
            .opt("name", &self.name)
            .opt("type", &self.format)
            .opt("cache", &self.cache)
            .opt("error_policy", &self.error_policy)
            .opt("rerror_policy", &self.rerror_policy)
            .opt("io", &self.io)
            .opt("ioeventfd", &self.ioeventfd)
            .opt("event_idx", &self.event_idx)
            .opt("copy_on_read", &self.copy_on_read)
            .opt("discard", &self.discard)
            .opt("iothread", &self.threads.one)
            .opt("queues", &self.queues)
            .opt("queue_size", &self.queue_size);
        let tag = self.virtio.write(tag).opt("detect_zeroes", &self.detect_zeroes);
        tag.opt("discard_no_unref", &self.no_unref).children(|w| {
            self.threads.write(w);
            if let Some(cache) = &self.metadata_cache {
                cache.write(w);
            }
        });
    }

    /// What QEMU is told of blocks of zeros: they can only be discarded where discards reach the file.
    pub fn zeroes(&self) -> Option<DetectZeroes> {
        let said = self.detect_zeroes.get()?;
        let kept = said == DetectZeroes::Unmap && !self.discard.is(&Discard::Unmap);
        Some(if kept { DetectZeroes::On } else { said })
    }

    /// Direct access, no flushes, and the guest's write cache: what a cache mode means. `shared` tells whether several guests write: without a
    /// word of their own they pass by the host's cache (`qemuDomainPrepareDiskCachemode` in libvirt's `src/qemu/qemu_domain.c`).
    pub fn cache_flags(&self, shared: bool) -> Option<(bool, bool, bool)> {
        Some(match self.cache.get().or(shared.then_some(Cache::None))? {
            Cache::Default => return None,
            Cache::None => (true, false, true),
            Cache::Writethrough => (false, false, false),
            Cache::Writeback => (false, false, true),
            Cache::Directsync => (true, false, false),
            Cache::Unsafe => (false, true, true),
        })
    }

    /// QEMU's `werror` and `rerror`.
    pub fn error_words(&self) -> (Option<&'static str>, Option<&'static str>) {
        let word = |p: ErrorPolicy| match p {
            ErrorPolicy::Enospace => "enospc",
            ErrorPolicy::Stop | ErrorPolicy::Report | ErrorPolicy::Ignore => p.word(),
        };
        let write = self.error_policy.get();
        // A read cannot fail for want of space; otherwise it follows the write.
        let read = self.rerror_policy.get().or(write.filter(|p| *p != ErrorPolicy::Enospace));
        (write.map(word), read.map(word))
    }
}

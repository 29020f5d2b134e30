//! `<backingStore>`: the backing chain of an image.

use virtc_diag::Diagnostic;

use crate::codes;
use crate::ir::{DefaultRule, Opt, Origin, Spanned};
use crate::model::Domain;
use crate::model::Facts;
use crate::model::devices::seclabel::SourceLabels;
use crate::model::storage::image::Format;
use crate::model::storage::{ImageFormat, Location, StorageSource, StorageType};
use crate::xml_io::Fields;
use crate::xml_io::XmlWriter;

/// The backing image of an image.
#[derive(Debug, Clone, Default)]
pub enum Backing {
    /// Not given: what the image file itself names, if anything.
    #[default]
    Unsaid,
    /// None: the end of the chain.
    End,
    /// This image.
    Image(Box<BackingImage>),
}

/// A backing image.
#[derive(Debug, Clone)]
pub struct BackingImage {
    /// The type of its source.
    pub kind: Opt<StorageType>,
    /// Its format.
    pub format: Format,
    /// Its source.
    pub source: StorageSource,
    /// Its own backing image.
    pub backing: Backing,
    /// Its place in the XML.
    pub origin: Origin,
}

impl Backing {
    /// Reads `<backingStore>` in `f`.
    pub fn lower(f: &Fields<'_, '_>) -> Self {
        let Some(f) = f.child("backingStore") else { return Self::Unsaid };
        let kind: Opt<StorageType> = f.attr("type");
        // The index is at either place in a running domain; a definition does not have it.
        let index: Opt<u32> = f.attr("index").filter(|_| f.cx().is_running());
        let source = f.child("source");
        if let Some(empty) = source.as_ref().map(Fields::element)
            && empty.attributes().next().is_none()
            && empty.children().next().is_none()
        {
            f.report(
                Diagnostic::at(&codes::MISSING, empty.span(), "`<source>` of `<backingStore>` is empty")
                    .help("give the backing image in `<source>`, or end the chain with `<backingStore/>`"),
            );
        }
        let source =
            source.and_then(|s| StorageSource::lower(kind.as_ref().map_or(StorageType::File, |k| k.value), &s));
        let (format, backing) = (Format::lower(&f), Self::lower(&f));
        let Some(mut source) = source else { return Self::End };
        source.index = source.index.or(index);
        Self::Image(Box::new(BackingImage { kind, format, source, backing, origin: f.origin() }))
    }

    /// Writes `<backingStore>`.
    pub fn write(&self, w: &mut XmlWriter) {
        match self {
            Self::Unsaid => {}
            Self::End => w.tag("backingStore").end(),
            Self::Image(image) => {
                let kind = image.kind.as_ref().map_or("file", |k| k.value.word());
                w.tag("backingStore").attr("type", kind).children(|w| {
                    image.format.write(w);
                    image.source.write(w, true, true);
                    image.backing.write(w);
                });
            }
        }
    }

    /// Fills in what is absent.
    pub fn define(&mut self, origin: Origin) {
        let mut this = self;
        while let Self::Image(image) = this {
            image.source.define(origin);
            this = &mut image.backing;
        }
    }

    /// The backing images in order.
    pub fn images(&self) -> impl Iterator<Item = &BackingImage> {
        let mut this = self;
        std::iter::from_fn(move || {
            let Self::Image(image) = this else { return None };
            this = &image.backing;
            Some(&**image)
        })
    }
}

static DETECTED: DefaultRule = DefaultRule {
    name: "backing-chain",
    text: "where the definition has no `<backingStore>`, the backing chain is that in the host file",
};

/// Longer chains are considered loops.
const LONGEST: usize = 200;

/// Fills in the backing chains that the definition leaves out and the host file has.
pub fn detect(domain: &mut Domain, facts: Facts<'_>) {
    for disk in &mut domain.devices.disks {
        let format = disk.driver.format.as_ref().map_or(ImageFormat::Raw, |f| f.value);
        let origin = disk.origin;
        let Some(source) = &disk.storage.source else { continue };
        let (mut path, mut format) = (local_path(&source.location), format);
        let mut last = &mut disk.storage.backing;
        let mut count = 0;
        // First to the end of the chain in the definition, then on in the host file.
        while let Backing::Image(image) = last {
            path = local_path(&image.source.location);
            format = image.format.kind.as_ref().map_or(ImageFormat::Raw, |f| f.value);
            last = &mut image.backing;
        }
        while let (Backing::Unsaid, Some(known)) = (&*last, path.as_deref().filter(|_| format.has_backing())) {
            let Some(info) = facts.image(known) else { break };
            count += 1;
            let Some(under) = info.backing.as_ref().filter(|_| count < LONGEST) else {
                *last = Backing::End;
                break;
            };
            format = crate::ir::Leaf::read(&under.format).unwrap_or(ImageFormat::Raw);
            path = Some(under.path.clone());
            *last = Backing::Image(Box::new(image_at(&under.path, format, under.block, origin)));
            if let Backing::Image(image) = last {
                last = &mut image.backing;
            }
        }
    }
}

/// An image in the host file.
fn image_at(path: &str, format: ImageFormat, block: bool, origin: Origin) -> BackingImage {
    let place = Spanned::rule(path.to_owned(), &DETECTED, origin);
    let location = if block { Location::Block(place) } else { Location::File(place, None) };
    let kind = if block { StorageType::Block } else { StorageType::File };
    let origin = origin.with_rule(&DETECTED);
    BackingImage {
        kind: Some(Spanned::rule(kind, &DETECTED, origin)),
        format: Format { kind: Some(Spanned::rule(format, &DETECTED, origin)), cache: None },
        source: StorageSource {
            location,
            index: None,
            startup_policy: None,
            slice: None,
            auth: None,
            encryption: None,
            reservations: None,
            labels: SourceLabels::default(),
            data_store: None,
            origin,
        },
        backing: Backing::Unsaid,
        origin,
    }
}

fn local_path(location: &Location) -> Option<String> {
    match location {
        Location::File(path, _) | Location::Block(path) => Some(path.value.clone()),
        Location::Empty
        | Location::Dir(_)
        | Location::Network(_)
        | Location::Volume { .. }
        | Location::Nvme { .. }
        | Location::VhostUser(..)
        | Location::VhostVdpa(_) => None,
    }
}

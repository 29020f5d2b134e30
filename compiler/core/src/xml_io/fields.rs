//! Reading an element attribute by attribute and child by child. What was not read is reported when the reader is
//! dropped: nothing is lost silently.

use std::cell::{Cell, RefCell};

use virtc_diag::{Diagnostic, Safety, Span};
use virtc_xml::{Attribute, Element};

use crate::codes;
use crate::ir::{Leaf, Opt, Origin, Spanned};
use crate::xml_io::Lowering;

/// A child of the element that is read.
struct Child<'d> {
    element: Element<'d>,
    name: &'d str,
    read: bool,
}

/// A reader of one element.
pub struct Fields<'d, 'c> {
    cx: &'c Lowering<'d>,
    element: Element<'d>,
    /// A bit for each attribute that was read.
    attributes: Cell<u64>,
    children: RefCell<Vec<Child<'d>>>,
    text: Cell<bool>,
}

impl<'d, 'c> Fields<'d, 'c> {
    /// A reader of `element`.
    pub fn new(cx: &'c Lowering<'d>, element: Element<'d>) -> Self {
        let children = element.children().map(|element| Child { element, name: element.name(), read: false });
        let children = RefCell::new(children.collect());
        Self { cx, element, attributes: Cell::new(0), children, text: Cell::new(false) }
    }

    /// The element.
    pub fn element(&self) -> Element<'d> {
        self.element
    }

    /// The state that all readers share.
    pub fn cx(&self) -> &'c Lowering<'d> {
        self.cx
    }

    /// The origin of the whole element.
    pub fn origin(&self) -> Origin {
        Origin::Xml(self.element.span())
    }

    /// A finding; see [`Lowering::report`] for those that are left out.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.cx.report(diagnostic);
    }

    fn raw(&self, name: &str) -> Option<Attribute<'d>> {
        let (at, attribute) = self.element.attributes().enumerate().find(|(_, a)| a.is(name))?;
        self.attributes
            .set(self.attributes.get() | 1u64.checked_shl(u32::try_from(at).unwrap_or(63)).unwrap_or(1 << 63));
        if self.cx.checked.is_faulty_attribute(attribute) {
            self.cx.met.set(self.cx.met.get() + 1);
            return None;
        }
        Some(attribute)
    }

    /// The attribute `name`, as a `T`.
    pub fn attr<T: Leaf>(&self, name: &str) -> Opt<T> {
        let attribute = self.raw(name)?;
        self.leaf(attribute.value(), attribute.value_span(), || format!("value `{}` of `{name}`", attribute.value()))
    }

    /// The attribute `name`, as a number that libvirt reads as decimal only, although the grammar also allows
    /// hexadecimal.
    pub fn decimal<T: Leaf>(&self, name: &str) -> Opt<T> {
        let attribute = self.raw(name)?;
        let (value, span) = (attribute.value(), attribute.value_span());
        if value.trim_start().starts_with("0x") || value.trim_start().starts_with("0X") {
            self.report(Diagnostic::at(&codes::BAD_VALUE, span, format!("value `{value}` of `{name}` is not decimal")));
            self.cx.met.set(self.cx.met.get() + 1);
            return None;
        }
        self.leaf(value, span, || format!("value `{value}` of `{name}`"))
    }

    fn leaf<T: Leaf>(&self, text: &str, span: Span, what: impl Fn() -> String) -> Opt<T> {
        if let Some(value) = T::read(text) {
            return Some(Spanned::xml(value, span));
        }
        if T::read(text.trim()).is_some() {
            // The grammar allows white space around a word and after a number; libvirt does not.
            let fault = Diagnostic::at(&codes::BAD_VALUE, span, format!("{} has white space around it", what()));
            let fault = fault.help(format!("write `{}`: libvirt does not accept white space here", text.trim()));
            self.report(fault.fix(Safety::Safe, "remove the white space", span, text.trim()));
        } else if T::words().is_empty() {
            let fault = Diagnostic::at(&codes::BAD_VALUE, span, format!("{} is not {}", what(), T::EXPECTED));
            let hex = format!("0x{}", text.trim());
            self.report(fault.meant(T::read(&hex).map(|_| hex.as_str()), span));
        } else {
            // The grammar allows it: it is a word of the format that the model does not know yet.
            self.cx.unsupported(span, what());
        }
        self.cx.met.set(self.cx.met.get() + 1);
        None
    }

    /// The text of the element, as a `T`; `None` where it is empty, or where the text of a number is white space only.
    pub fn text<T: Leaf>(&self) -> Opt<T> {
        self.text.set(true);
        let text = self.element.text();
        let is_verbatim = T::VERBATIM || !T::words().is_empty();
        if text.is_empty() || (!is_verbatim && text.trim().is_empty()) {
            return None;
        }
        self.leaf(&text, self.element.text_span(), || format!("text `{text}`"))
    }

    /// The text of the element, verbatim.
    pub fn raw_text(&self) -> Spanned<String> {
        self.text.set(true);
        Spanned::xml(self.element.text().into_owned(), self.element.text_span())
    }

    /// Warns that those of these attributes and children that were not read have no effect on `what`: libvirt ignores
    /// them.
    pub fn without_effect(&self, attributes: &[&str], children: &[&str], what: &str) {
        for (at, attribute) in self.element.attributes().enumerate() {
            let bit = 1u64.checked_shl(u32::try_from(at).unwrap_or(63)).unwrap_or(1 << 63);
            if self.attributes.get() & bit == 0 && attributes.contains(&attribute.name()) {
                self.attributes.set(self.attributes.get() | bit);
                let message = format!("`{}` has no effect on a {what}", attribute.name());
                self.report(Diagnostic::at(&codes::WITHOUT_EFFECT, attribute.name_span(), message).help("remove it"));
            }
        }
        for child in self.children.borrow_mut().iter_mut() {
            if !child.read && children.contains(&child.name) {
                child.read = true;
                let message = format!("`<{}>` has no effect on a {what}", child.name);
                self.report(
                    Diagnostic::at(&codes::WITHOUT_EFFECT, child.element.name_span(), message).help("remove it"),
                );
            }
        }
    }

    /// Readers for all children `name`.
    pub fn children(&self, name: &str) -> Vec<Fields<'d, 'c>> {
        self.children_of("", name)
    }

    /// Readers for all children `name` of a namespace.
    pub fn children_of(&self, namespace: &str, name: &str) -> Vec<Fields<'d, 'c>> {
        let mut children = self.children.borrow_mut();
        let named = children.iter_mut().filter(|child| child.name == name && child.element.namespace() == namespace);
        named.filter_map(|child| self.read(child)).collect()
    }

    /// A reader for the first child `name`. Further ones, which the grammar does not allow, stay unread.
    pub fn child(&self, name: &str) -> Option<Fields<'d, 'c>> {
        let mut children = self.children.borrow_mut();
        let child = children.iter_mut().find(|child| child.name == name && child.element.is(name))?;
        self.read(child)
    }

    fn read(&self, child: &mut Child<'d>) -> Option<Fields<'d, 'c>> {
        child.read = true;
        (!self.cx.is_faulty_part(child.element)).then(|| Fields::new(self.cx, child.element))
    }

    /// The text of the first child `name`, as a `T`.
    pub fn child_text<T: Leaf>(&self, name: &str) -> Opt<T> {
        self.child(name)?.text()
    }

    /// The attribute `attribute` of the first child `name`, where it has nothing else.
    pub fn child_attr<T: Leaf>(&self, name: &str, attribute: &str) -> Opt<T> {
        self.child(name)?.attr(attribute)
    }

    /// All child elements that were not read so far, in order; they then count as read.
    pub fn rest(&self) -> Vec<Element<'d>> {
        let mut children = self.children.borrow_mut();
        let unread = children.iter_mut().filter(|child| !child.read);
        unread
            .map(|child| {
                child.read = true;
                child.element
            })
            .collect()
    }

    /// Marks everything in the element as read, for content that is kept verbatim or refused as a whole; the result is
    /// its place.
    pub fn ignore_rest(&self) -> Span {
        self.attributes.set(u64::MAX);
        self.children.borrow_mut().iter_mut().for_each(|child| child.read = true);
        self.text.set(true);
        self.element.span()
    }
}

impl Drop for Fields<'_, '_> {
    fn drop(&mut self) {
        let owner = self.element.name();
        for (at, attribute) in self.element.attributes().enumerate() {
            let bit = 1u64.checked_shl(u32::try_from(at).unwrap_or(63)).unwrap_or(1 << 63);
            if self.attributes.get() & bit == 0 && !self.cx.checked.is_faulty_attribute(attribute) {
                self.cx.unsupported(
                    attribute.name_span(),
                    format_args!("attribute `{}` of `<{owner}>`", attribute.name()),
                );
            }
        }
        for Child { element: child, name, .. } in self.children.borrow().iter().filter(|child| !child.read) {
            if !self.cx.checked.is_faulty(*child) {
                self.cx.unsupported(child.name_span(), format_args!("`<{name}>` in `<{owner}>`"));
            }
        }
    }
}

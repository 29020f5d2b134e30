//! From files to a schema: load, check, translate, check the restrictions, pack.

mod check;
mod content;
mod include;
mod load;
mod name_sets;
mod order;
mod pack;
mod restrict;
mod symbols;
mod tables;
mod translate;

pub(crate) use order::{CHOICE, INTERLEAVE, OPTIONAL};
use virtc_diag::SourceFile;

use crate::error::{Fault, SchemaErrors};
use crate::schema::Schema;

/// Finds the file that `href` names in the file `from`, or says why not.
pub type Loader<'l> = &'l mut dyn FnMut(&str, &SourceFile) -> Result<SourceFile, String>;

impl Schema {
    /// Compiles a schema in XML or compact syntax. Which one shows at the first character. Other files come through
    /// `load`, which gets the reference as written and the file that it is in.
    ///
    /// # Errors
    /// What is wrong with the schema, at its place.
    pub fn compile(source: &SourceFile, load: Loader<'_>) -> Result<Self, SchemaErrors> {
        let mut files = vec![source.clone()];
        compile(&mut files, load).map_err(|faults| SchemaErrors::new(&files, faults))
    }
}

fn compile(files: &mut Vec<SourceFile>, load: Loader<'_>) -> Result<Schema, Vec<Fault>> {
    let loaded = load::load(files, load)?;
    let translated = translate::translate(&loaded)?;
    restrict::check(&translated)?;
    Ok(pack::pack(translated))
}

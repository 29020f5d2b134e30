//! Finding a controller among many.

use crate::model::devices::Devices;
use crate::model::devices::controller::{Controller, ControllerType};

impl Devices {
    /// The controller with this number, a main USB controller before its companions. The controllers of one type are together in the order of
    /// their numbers once they are ordered, so that the search does not grow with their number.
    pub fn controller(&self, kind: ControllerType, index: u32) -> Option<&Controller> {
        let block = self.controllers_of(kind);
        let at = block.partition_point(|c| c.index() < index);
        let fits = |c: &&Controller| c.kind() == kind && c.index() == index;
        // Numbers that were given out later may be in another order.
        block.get(at).filter(fits).or_else(|| self.controllers.iter().find(fits))
    }

    /// The controllers of this type, where they are together.
    fn controllers_of(&self, kind: ControllerType) -> &[Controller] {
        let mut rest = self.controllers.as_slice();
        while let Some(first) = rest.first() {
            let own = first.kind();
            let (block, behind) = rest.split_at(rest.partition_point(|c| c.kind() == own));
            if own == kind {
                return block;
            }
            rest = behind;
        }
        &[]
    }
}

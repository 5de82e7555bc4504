//! From a pointer's place in a window to the movements of a PS/2 mouse.
//!
//! The window has no relative mouse, so movements are the differences of places, in pixels of the guest's screen. A
//! guest that scales movements, or moved its pointer itself, drifts away; at an edge of the picture the mouse goes on
//! moving outwards until the guest's pointer must have reached that edge too, and both agree again.

/// The largest movement of one event, what a PS/2 packet holds with room to spare.
const STEP: i32 = 120;

/// One axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Axis {
    at: Option<i32>,
    /// Movement still to be made.
    pending: i32,
}

impl Axis {
    /// The pointer is at `to` of `size` pixels.
    fn place(&mut self, to: i32, size: i32) {
        let from = self.at.replace(to);
        let Some(from) = from.filter(|&f| f != to) else { return };
        self.pending += to - from;
        if to <= 0 {
            self.pending = -2 * size;
        } else if to >= size - 1 {
            self.pending = 2 * size;
        } else if from <= 0 || from >= size - 1 {
            // Away from an edge: the guest's pointer is at that edge, whatever was still to be made.
            self.pending = to - from;
        }
    }

    fn take(&mut self) -> i32 {
        let step = self.pending.clamp(-STEP, STEP);
        self.pending -= step;
        step
    }
}

/// The mouse that the guest sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pointer {
    x: Axis,
    y: Axis,
    buttons: u8,
}

impl Pointer {
    /// The pointer is at a pixel of a picture of this size; the result is a movement (dx, dy) to make now.
    pub fn moved(&mut self, place: Option<(i32, i32)>, size: (i32, i32)) -> (i32, i32) {
        match place {
            Some((x, y)) => {
                self.x.place(x, size.0);
                self.y.place(y, size.1);
            }
            // Outside the window: where it comes back is not a movement.
            None => (self.x.at, self.y.at) = (None, None),
        }
        (self.x.take(), self.y.take())
    }

    /// Whether these buttons differ from the ones before.
    pub fn clicked(&mut self, buttons: u8) -> bool {
        std::mem::replace(&mut self.buttons, buttons) != buttons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (i32, i32) = (640, 480);

    #[test]
    fn movements_are_differences() {
        let mut p = Pointer::default();
        assert_eq!(p.moved(Some((100, 100)), SIZE), (0, 0));
        assert_eq!(p.moved(Some((110, 95)), SIZE), (10, -5));
        assert_eq!(p.moved(Some((110, 95)), SIZE), (0, 0));
    }

    #[test]
    fn long_ways_take_several_events() {
        let mut p = Pointer::default();
        p.moved(Some((10, 10)), SIZE);
        let mut total = p.moved(Some((410, 10)), SIZE).0;
        assert_eq!(total, STEP);
        for _ in 0..5 {
            total += p.moved(Some((410, 10)), SIZE).0;
        }
        assert_eq!(total, 400);
    }

    #[test]
    fn an_edge_pushes_the_guests_pointer_there() {
        let mut p = Pointer::default();
        p.moved(Some((300, 300)), SIZE);
        let mut total = 0;
        for _ in 0..20 {
            total += p.moved(Some((0, 300)), SIZE).0;
        }
        assert_eq!(total, -1280);
        assert_eq!(p.moved(Some((7, 300)), SIZE), (7, 0));
    }

    #[test]
    fn leaving_the_edge_stops_the_push() {
        let mut p = Pointer::default();
        p.moved(Some((300, 300)), SIZE);
        p.moved(Some((639, 300)), SIZE);
        assert_eq!(p.moved(Some((630, 300)), SIZE), (-9, 0));
    }

    #[test]
    fn coming_back_is_not_a_movement() {
        let mut p = Pointer::default();
        p.moved(Some((300, 300)), SIZE);
        p.moved(None, SIZE);
        assert_eq!(p.moved(Some((10, 400)), SIZE), (0, 0));
    }

    #[test]
    fn clicks_are_changes() {
        let mut p = Pointer::default();
        assert!(p.clicked(1) && !p.clicked(1) && p.clicked(0));
    }
}

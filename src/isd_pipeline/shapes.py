"""Shapes in signatures: `Float[Tensor, "B N D"]`, executed by the tests.

jaxtyping is needed only where shapes are checked. A machine that has torch and no jaxtyping
still trains: there the annotation stands for any value.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
else:
    try:
        from jaxtyping import Bool, Float, Int
    except ImportError:

        class _AnyShape:
            def __class_getitem__(cls, item: Any) -> Any:
                return Any

        Bool = Float = Int = _AnyShape

__all__ = ["Bool", "Float", "Int"]

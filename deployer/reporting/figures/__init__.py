"""The plots of the page: matplotlib draws, `theme` turns them into small SVGs that take the page's colours."""

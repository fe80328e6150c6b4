"""The engines beside the plain libraries, the web beside the engines, and the start."""

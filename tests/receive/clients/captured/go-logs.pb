
õ


service.name
	go-clientÓ

probe	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì	“/kì	*	
pressedY“/kì